//! Publishes each argument as a line of the log: `pub-sub-emit-log "the first line" "the second"`.

use leveret::{Codec, Connection, Error, Events};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let connection = Connection::from_env().await?;
    // JSON, so that subscribers in any language can read it.
    let logs = connection
        .events(&Events::<String>::fanout("logs"))
        .with_codec(Codec::Json);
    for line in std::env::args().skip(1) {
        logs.publish(&line).await?;
        println!("published {line}");
    }
    connection.close().await;
    Ok(())
}
