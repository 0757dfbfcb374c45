//! Publishes a line with its severity: `routing-emit-log error "the disk is full"`.

use leveret::{Codec, Connection, Error, Events};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let severity = arguments.next().unwrap_or("info".to_owned());
    let line = arguments.next().unwrap_or("hello".to_owned());
    let connection = Connection::from_env().await?;
    // JSON, so that subscribers in any language can read it.
    let logs = connection
        .events(&Events::<String>::direct("logs.by-severity"))
        .with_codec(Codec::Json);
    logs.publish(&line).key(severity).await?;
    connection.close().await;
    Ok(())
}
