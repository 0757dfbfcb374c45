//! Prints the documents that have all of these headers, or any: `headers-receive all format=pdf type=report`.

use leveret::{Connection, Error, Events, Message};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (how, wanted) = arguments.split_first().expect("all or any");
    let wanted = wanted
        .iter()
        .map(|wanted| wanted.split_once('=').expect("name=value"));

    let connection = Connection::from_env().await?;
    let documents = connection.subscribe(&Events::<String>::headers("documents"));
    let documents = match how.as_str() {
        "all" => documents.all(wanted),
        _ => documents.any(wanted),
    };
    let listening = documents
        .concurrency(1)
        .start(|title: String, message: Message| async move {
            let [format, kind] = ["format", "type"].map(|name| message.header(name).unwrap_or("?"));
            println!("{title} ({kind}, {format})");
        })
        .await?
        .run();
    println!("ready");
    listening.await?;
    connection.close().await;
    Ok(())
}
