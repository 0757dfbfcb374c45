//! Pushes a task for each argument: `work-queue-new-task "First task ." "Second task .."`.

use leveret::{Codec, Connection, Error, TaskQueue};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let connection = Connection::from_env().await?;
    // JSON, so that workers in any language can read it.
    let tasks = connection
        .tasks(&TaskQueue::<String>::new("dots"))
        .with_codec(Codec::Json);
    for task in std::env::args().skip(1) {
        // Returns when the broker has promised to keep it.
        tasks.push(&task).await?;
        println!("pushed {task}");
    }
    connection.close().await;
    Ok(())
}
