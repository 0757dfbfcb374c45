//! Works reports off, one a second and three at once, however many come, and writes them by batches. `SECOND_MS` makes its
//! seconds shorter.

use std::sync::Arc;
use std::time::Duration;

use examples::monitoring::{Report, reports, rows};
use leveret::{Connection, Error, Message, Outcome};
use tokio::sync::Semaphore;
use tokio::time::sleep;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let second = std::env::var("SECOND_MS").map_or(Ok(1000), |second| second.parse());
    let second = Duration::from_millis(second.expect("a whole number in SECOND_MS"));
    let connection = Connection::from_env().await?;

    // Stands for a service that finds the line of source, and falls over when it is hurried.
    let source_maps = Arc::new(Semaphore::new(3));
    let looked_up = connection.tasks(&rows());
    let worker = connection
        .worker(&reports())
        .rate(1, second)
        .concurrency(3)
        .start(move |report: Report, _| {
            let (source_maps, looked_up) = (Arc::clone(&source_maps), looked_up.clone());
            async move {
                let Ok(_one_of_three) = source_maps.try_acquire() else {
                    println!("overloaded");
                    return Outcome::retry("overloaded");
                };
                println!("{}: {}", report.page, report.message);
                sleep(second * 4).await;
                // Only when the row is safe is the report done.
                looked_up.push(&report).await.map(drop).into()
            }
        })
        .await?;
    let write = |rows: Vec<(Report, Message)>| async move { println!("wrote {} rows", rows.len()) };
    let age = Duration::from_secs(10);
    let writer = connection
        .worker(&rows())
        .start_batches(3, age, write)
        .await?;

    let working = async { tokio::try_join!(worker.run(), writer.run()) };
    println!("ready");
    working.await?;
    connection.close().await;
    Ok(())
}
