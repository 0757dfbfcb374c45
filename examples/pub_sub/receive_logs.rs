//! Prints every line of the log from now on, beside all others who do.

use leveret::{Connection, Error, Events};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let connection = Connection::from_env().await?;
    let subscription = connection
        .subscribe(&Events::<String>::fanout("logs"))
        // One line after the other, in the order in which they came.
        .concurrency(1)
        .start(|line: String, _| async move { println!("{line}") })
        .await?;
    let listening = subscription.run();
    println!("ready");
    listening.await?;
    connection.close().await;
    Ok(())
}
