//! Publishes a line about something: `topics-emit-log kern.critical "the disk is full"`.

use leveret::{Codec, Connection, Error, Events};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let key = arguments.next().unwrap_or("anonymous.info".to_owned());
    let line = arguments.next().unwrap_or("hello".to_owned());
    let connection = Connection::from_env().await?;
    // JSON, so that subscribers in any language can read it.
    let logs = connection
        .events(&Events::<String>::topic("logs.by-topic"))
        .with_codec(Codec::Json);
    logs.publish(&line).key(key).await?;
    connection.close().await;
    Ok(())
}
