//! Reads letters to Rust, and answers them into the queue of whoever has written.

use leveret::{Codec, Connection, Error, TaskQueue};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Letter {
    sender: String,
    text: String,
}

fn letters_to(whom: &str) -> TaskQueue<Letter> {
    TaskQueue::new(format!("letters.{whom}"))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let connection = Connection::from_env().await?;
    let post = connection.clone();
    let worker = connection.worker(&letters_to("rust"));
    let reading = worker
        .start(move |letter: Letter, _| {
            let post = post.clone();
            async move {
                println!("{} writes: {}", letter.sender, letter.text);
                let answer = Letter {
                    sender: "rust".to_owned(),
                    text: format!("{} indeed", letter.text),
                };
                // Node reads JSON, and a letter is done only when its answer is safe.
                let letters = post
                    .tasks(&letters_to(&letter.sender))
                    .with_codec(Codec::Json);
                letters.push(&answer).await.map(drop)
            }
        })
        .await?
        .run();
    println!("ready");
    reading.await?;
    connection.close().await;
    Ok(())
}
