//! Calls fib on `rpc_queue`, whoever serves it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use examples::{MathClient, MathError};
use leveret::{CallError, Codec, Connection, Error};

/// Calls fib(N) and prints the answer.
#[derive(Parser)]
struct Arguments {
    /// Which Fibonacci number.
    #[arg(default_value_t = 30, allow_negative_numbers = true)]
    n: i64,
    /// Speak plain text, for servers like those of the RabbitMQ tutorials.
    #[arg(long)]
    text: bool,
    /// Call so often, one after the other, and print the median time of a call.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    calls: u32,
    /// How long to wait, in milliseconds.
    #[arg(long, default_value_t = 10_000)]
    timeout: u64,
    /// The broker.
    #[arg(
        long,
        env = "AMQP_URL",
        default_value = "amqp://127.0.0.1:5672/%2f",
        hide_env_values = true
    )]
    url: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    call(Arguments::parse()).await.unwrap_or_else(|error| {
        eprintln!("fib-client: {error}");
        ExitCode::FAILURE
    })
}

async fn call(arguments: Arguments) -> Result<ExitCode, Error> {
    let Arguments {
        n,
        text,
        calls,
        timeout,
        url,
    } = arguments;
    let connection = Connection::builder(url)
        .name("fib-client")
        .connect()
        .await?;
    let codec = if text { Codec::Text } else { Codec::MsgPack };
    let math = MathClient::new(connection.client().with_codec(codec));
    let mut times = Vec::new();
    let mut call = async || {
        let began = Instant::now();
        let answer = math.fib(n).timeout(Duration::from_millis(timeout)).await;
        times.push(began.elapsed());
        answer
    };
    let mut answer = call().await;
    for _ in 1..calls {
        answer = call().await;
    }
    connection.close().await;
    match answer {
        Ok(value) => {
            println!("fib({n}) = {value}");
            if calls > 1 {
                times.sort_unstable();
                let median = times[times.len() / 2].as_micros();
                println!("median of {calls} calls: {median} us");
            }
            return Ok(ExitCode::SUCCESS);
        }
        Err(CallError::Domain(MathError::Negative { n })) => {
            eprintln!("there is no fib({n}): {n} is negative");
        }
        Err(CallError::Domain(MathError::TooLarge { max })) => {
            eprintln!("fib({n}) is too large: ask for up to {max}");
        }
        Err(CallError::Rpc(error)) => eprintln!("{error} (executed: {})", error.executed()),
    }
    Ok(ExitCode::FAILURE)
}
