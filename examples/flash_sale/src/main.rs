//! The flash sale: a hundred pieces, many more buyers. `flash-sale` holds it in each way that there is, one after the
//! other, and prints what each sold and how fast. With a role as its first word it is one of the processes of a sale.

mod broker;
mod contract;
mod cpu;
mod failure;
mod front;
mod http_orders;
mod leveret_orders;
mod load;
mod options;
mod plot;
mod postgresql;
mod processes;
mod report;
mod roles;
mod rule;
mod run;
mod sale;
mod shop;
mod variants;

use std::process::ExitCode;

use clap::Parser;
use leveret::Connection;
use tracing_subscriber::EnvFilter;

use crate::failure::{Failure, Result};
use crate::front::Backend;
use crate::options::{Arguments, Peers, Role};
use crate::shop::Shop;

#[tokio::main]
async fn main() -> ExitCode {
    // lapin calls it an error when it is told that a queue does not exist, which is how one asks. That the broker keeps
    // nothing is meant to be so.
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "warn,lapin=off,leveret_broker=error".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let (name, done) = match arguments.role {
        None => ("flash-sale", run::run(arguments.options).await),
        Some(role) => (role.name(), play(role).await),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            match error {
                Failure::Interrupted => ExitCode::from(130),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

async fn play(role: Role) -> Result<()> {
    match role {
        Role::Broker => broker::run().await,
        Role::Postgresql => postgresql::run().await,
        Role::HttpOrders { peers, rule, pool } => {
            http_orders::run(Shop::open(&peers.database_url, pool).await?, rule).await
        }
        Role::LeveretOrders {
            peers,
            rule,
            pool,
            concurrency,
        } => {
            let shop = Shop::open(&peers.database_url, pool).await?;
            leveret_orders::run(connect(&peers, "orders").await?, shop, rule, concurrency).await
        }
        Role::Front {
            peers,
            backend,
            short_cut,
        } => {
            let backend = match backend.as_str() {
                "leveret" => Backend::leveret(&connect(&peers, "front").await?),
                address => Backend::http(address),
            };
            front::run(backend, short_cut).await
        }
    }
}

async fn connect(peers: &Peers, name: &str) -> Result<Connection> {
    let connection = Connection::builder(&peers.amqp_url)
        .name(format!("flash-sale {name}"))
        .namespace(&peers.namespace)
        .connect()
        .await?;
    Ok(connection)
}
