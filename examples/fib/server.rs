//! Serves fib on `rpc_queue`, for Leveret's clients and for anything that speaks AMQP.

use std::process::ExitCode;

use clap::Parser;
use examples::{Math, MathError, MathServer};
use leveret::{Connection, Error, QueueOptions, ServiceOptions};
use tracing_subscriber::EnvFilter;

/// Serves fib. Stops in order on Ctrl-C.
#[derive(Parser)]
struct Arguments {
    /// The broker.
    #[arg(
        long,
        env = "AMQP_URL",
        default_value = "amqp://127.0.0.1:5672/%2f",
        hide_env_values = true
    )]
    url: String,
}

struct Calculator;

impl Math for Calculator {
    async fn fib(&self, n: i64) -> Result<u64, MathError> {
        println!("fib({n})");
        fib(n)
    }
}

/// fib(93) is the last one below 2^64.
const MAX: i64 = 93;

fn fib(n: i64) -> Result<u64, MathError> {
    match n {
        ..0 => Err(MathError::Negative { n }),
        0..=MAX => {
            let mut pair = (0_u64, 1_u64);
            for _ in 0..n {
                pair = (pair.1, pair.0.wrapping_add(pair.1));
            }
            Ok(pair.0)
        }
        _ => Err(MathError::TooLarge { max: MAX }),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    // lapin calls it an error when it is told that a queue does not exist, which is how one asks.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,lapin=off".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match serve(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fib-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: Arguments) -> Result<(), Error> {
    let connection = Connection::builder(arguments.url)
        .name("fib-server")
        .connect()
        .await?;
    // One at a time, so that several servers share the work evenly; the queue goes when nobody needs it.
    let options = ServiceOptions::new()
        .concurrency(1)
        .queue(QueueOptions::classic().delete_when_idle(true));
    let server = connection
        .server()
        .service_with(MathServer::new(Calculator), options)
        .start()
        .await?;
    let serving = server.run();
    println!("fib-server: ready on rpc_queue");
    serving.await?;
    connection.close().await;
    println!("fib-server: stopped");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_that_fits_is_right() {
        assert_eq!(fib(30), Ok(832_040));
        assert_eq!(fib(93), Ok(12_200_160_415_121_876_738));
        assert_eq!(fib(94), Err(MathError::TooLarge { max: 93 }));
        assert_eq!(fib(-1), Err(MathError::Negative { n: -1 }));
    }
}
