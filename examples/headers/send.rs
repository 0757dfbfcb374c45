//! Publishes a document with headers that say what it is: `headers-send "the budget" format=pdf type=report`.

use leveret::{Codec, Connection, Error, Events};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let title = arguments.next().unwrap_or("untitled".to_owned());
    let connection = Connection::from_env().await?;
    // JSON, so that subscribers in any language can read it.
    let documents = connection
        .events(&Events::<String>::headers("documents"))
        .with_codec(Codec::Json);
    let mut publish = documents.publish(&title);
    for argument in arguments {
        let (name, value) = argument.split_once('=').expect("name=value");
        publish = publish.header(name, value);
    }
    publish.await?;
    connection.close().await;
    Ok(())
}
