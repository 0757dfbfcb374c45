//! Orders between processes: each is a line of JSON on a loopback port, and so is its answer.
//!
//! ```text
//! {"do": "delete_queue", "name": "jobs"}
//! {"ok": null}
//! {"do": "delete_queue", "name": "jobs"}
//! {"error": "there is no queue jobs"}
//! ```
//!
//! Python has its own half in `python/tests/with_broker.py`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

use super::{Operator, Order};

/// The variable that names the port's address.
pub(crate) const VARIABLE: &str = "LEVERET_TEST_ORDERS";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(Value),
    Error(String),
}

/// Listens for orders until the runtime ends; the address is where.
pub(crate) async fn listen(operator: Operator) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let operator = operator.clone();
            tokio::spawn(async move {
                // Whoever gave the orders notices by itself that nobody answers.
                let _ = obey(BufStream::new(stream), &operator).await;
            });
        }
    });
    Ok(address)
}

async fn obey(mut stream: BufStream<TcpStream>, operator: &Operator) -> io::Result<()> {
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let answer = match serde_json::from_str(&line) {
            Ok(order) => operator.carry_out(&order).await,
            Err(error) => Err(io::Error::other(format!("{line}: {error}"))),
        };
        let answer = answer.map_or_else(|error| Answer::Error(error.to_string()), Answer::Ok);
        write(&mut stream, &answer).await?;
        line.clear();
    }
    Ok(())
}

pub(super) async fn send(address: SocketAddr, order: &Order) -> io::Result<Value> {
    let mut stream = BufStream::new(TcpStream::connect(address).await?);
    write(&mut stream, order).await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    match serde_json::from_str(&line)? {
        Answer::Ok(value) => Ok(value),
        Answer::Error(error) => Err(io::Error::other(error)),
    }
}

async fn write(stream: &mut BufStream<TcpStream>, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await
}
