//! The command line: of the command that holds the sales, and of the processes that it starts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::rule::Rule;
use crate::shop::CONNECTIONS;
use crate::variants::VARIANTS;

/// Holds a flash sale in several ways and compares them.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many clients buy at once, one crowd after the other.
    #[arg(long, value_delimiter = ',', default_value = "100,300,500", value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub(crate) clients: Vec<u32>,
    /// Requests of each client.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) requests: u32,
    /// How many different items there are.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) items: u32,
    /// Pieces of each item.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pieces: u32,
    /// Sales of each kind; throughput is their median.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Processes of the order service, in the variants that have several.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) instances: u32,
    /// Only these variants.
    #[arg(long, value_delimiter = ',', value_parser = VARIANTS.map(|variant| variant.name))]
    pub(crate) only: Vec<String>,
    /// A small sale that shows whether everything works: 10 pieces, 20 clients, one round.
    #[arg(long, conflicts_with_all = ["clients", "items", "pieces", "rounds"])]
    pub(crate) quick: bool,
    /// The broker; without one, a broker in memory is started.
    #[arg(long, env = "AMQP_URL", hide_env_values = true)]
    pub(crate) amqp_url: Option<String>,
    /// The database; without one, SQLite in a file is used. Its tables flash_sale_* are dropped.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// Start a PostgreSQL of its own as the database.
    #[arg(long, conflicts_with = "database_url")]
    pub(crate) postgresql: bool,
    /// In front of the names on the broker: two sales at once want two.
    #[arg(long, default_value = "flash-sale.")]
    pub(crate) namespace: String,
    /// Where the Node gateway is.
    #[arg(long, default_value = "examples/flash_sale/gateway.js")]
    pub(crate) gateway: PathBuf,
    /// The folder for the picture.
    #[arg(long, default_value = "target/flash-sale")]
    pub(crate) out: PathBuf,
}

/// One process of a sale, started by the command itself: it says where it is ready, and ends when its stdin does.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// The broker.
    Broker,
    /// The database, where it is a PostgreSQL of the sale's own.
    Postgresql,
    /// The order service, over HTTP.
    HttpOrders {
        #[command(flatten)]
        peers: Peers,
        #[arg(long)]
        rule: Rule,
        /// Connections to the database.
        #[arg(long = "connections", default_value_t = CONNECTIONS)]
        pool: u32,
    },
    /// The order service, over Leveret.
    LeveretOrders {
        #[command(flatten)]
        peers: Peers,
        #[arg(long)]
        rule: Rule,
        /// Connections to the database.
        #[arg(long = "connections", default_value_t = CONNECTIONS)]
        pool: u32,
        /// How many orders are taken at once.
        #[arg(long, default_value_t = 64)]
        concurrency: u16,
    },
    /// The web front end.
    Front {
        #[command(flatten)]
        peers: Peers,
        /// Where orders go: `leveret`, or the address of the service over HTTP.
        #[arg(long)]
        backend: String,
        /// Remember what is sold out.
        #[arg(long)]
        short_cut: bool,
    },
}

impl Role {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Broker => "flash-sale broker",
            Self::Postgresql => "flash-sale postgresql",
            Self::HttpOrders { .. } => "flash-sale http-orders",
            Self::LeveretOrders { .. } => "flash-sale leveret-orders",
            Self::Front { .. } => "flash-sale front",
        }
    }
}

/// Whom a process talks to. In the environment: the URLs may hold passwords.
#[derive(Debug, Args)]
pub(crate) struct Peers {
    #[arg(long, env = "AMQP_URL", hide_env_values = true)]
    pub(crate) amqp_url: String,
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,
    #[arg(long, env = "FLASH_SALE_NAMESPACE", default_value = "")]
    pub(crate) namespace: String,
}
