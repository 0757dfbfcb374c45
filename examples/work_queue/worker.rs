//! Does tasks, one at a time: each dot in a task is a second of work, or `DOT_MS` milliseconds.

use std::time::Duration;

use leveret::{Connection, Error, TaskQueue};
use tokio::time::sleep;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let dot = std::env::var("DOT_MS").map_or(Ok(1000), |dot| dot.parse());
    let dot = Duration::from_millis(dot.expect("a whole number in DOT_MS"));
    let connection = Connection::from_env().await?;
    let worker = connection
        .worker(&TaskQueue::<String>::new("dots"))
        // Whoever is free gets the next one.
        .concurrency(1)
        .start(move |task: String, _| async move {
            for _ in task.matches('.') {
                sleep(dot).await;
            }
            println!("done {task}");
        })
        .await?;
    let working = worker.run();
    println!("ready");
    working.await?;
    connection.close().await;
    Ok(())
}
