//! Prints the lines about these topics, where `*` is one word and `#` any number of them:
//! `topics-receive-logs 'kern.*' '*.critical'`.

use leveret::{Connection, Error, Events, Message};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let connection = Connection::from_env().await?;
    let mut subscription = connection.subscribe(&Events::<String>::topic("logs.by-topic"));
    for pattern in std::env::args().skip(1) {
        subscription = subscription.key(pattern);
    }
    let listening = subscription
        .concurrency(1)
        .start(|line: String, message: Message| async move {
            println!("{}: {line}", message.routing_key());
        })
        .await?
        .run();
    println!("ready");
    listening.await?;
    connection.close().await;
    Ok(())
}
