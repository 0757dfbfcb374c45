//! A worker for tests that kill one: `task-worker NAMESPACE JOURNAL`, with the broker in `AMQP_URL`. It works on the queue
//! `work`: appends each number to the journal, and aborts the process over those below zero.

use std::fs::OpenOptions;
use std::io::Write;

use leveret::{Connection, Message, TaskQueue};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "usage: task-worker NAMESPACE JOURNAL";
    let namespace = std::env::args().nth(1).ok_or(usage)?;
    let journal = std::env::args().nth(2).ok_or(usage)?;
    // Workers share it: a line is one write, which the kernel appends as a whole.
    let journal = OpenOptions::new().create(true).append(true).open(journal)?;
    let connection = Connection::builder(std::env::var("AMQP_URL")?)
        .namespace(namespace)
        .connect()
        .await?;
    let worker = connection
        .worker(&TaskQueue::<i64>::new("work"))
        .start(move |job: i64, _: Message| {
            if job < 0 {
                std::process::abort();
            }
            let written = (&journal).write_all(format!("{job}\n").as_bytes());
            std::future::ready(written)
        })
        .await?;
    println!("ready");
    worker.run().await?;
    Ok(())
}
