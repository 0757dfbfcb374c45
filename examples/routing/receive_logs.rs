//! Prints the lines of these severities: `routing-receive-logs warning error`.

use leveret::{Connection, Error, Events, Message};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let connection = Connection::from_env().await?;
    let mut subscription = connection.subscribe(&Events::<String>::direct("logs.by-severity"));
    for severity in std::env::args().skip(1) {
        subscription = subscription.key(severity);
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
