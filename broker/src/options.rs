//! What the program is told, by arguments and by its environment.

use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use leveret_broker::{Broker, Builder};
use tracing_subscriber::filter::LevelFilter;

/// An in-memory AMQP 0-9-1 broker.
///
/// Any AMQP 0-9-1 client can use it. Nothing survives its end: durable queues and persistent messages survive their
/// clients only.
#[derive(Parser)]
#[command(
    name = "leveret-broker",
    version,
    after_help = "It prints one line when it is ready. SIGINT and SIGTERM close the connections in order; the second \
one does not wait for them. Exit codes: 0 stopped by a signal, 64 wrong options, 69 cannot listen."
)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5672")]
    listen: String,
    /// The login [default: guest].
    #[arg(long, value_name = "NAME", env = "LEVERET_BROKER_USER")]
    user: Option<String>,
    /// Its password [default: guest]; better given in the environment, where other users of the machine cannot read it.
    #[arg(long, env = "LEVERET_BROKER_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// A virtual host; can be repeated [default: /].
    #[arg(long = "vhost", value_name = "NAME")]
    vhosts: Vec<String>,
    /// Messages held before publishers must wait.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    memory_limit: u32,
    /// Proposed to clients; 0 proposes none.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    heartbeat: u16,
    /// How many clients at once.
    #[arg(long, value_name = "N", default_value_t = 4096)]
    max_connections: usize,
    /// A page that shows what is there, as HTML, text and JSON, for this machine alone [default: 127.0.0.1:15672].
    #[arg(
        long,
        value_name = "ADDRESS",
        num_args = 0..=1,
        default_missing_value = "127.0.0.1:15672"
    )]
    status: Option<String>,
    /// What is told on stderr: off, error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
}

pub(crate) struct Options {
    pub(crate) listen: String,
    pub(crate) builder: Builder,
    pub(crate) shown: Shown,
    /// Where the status page is, if there is one.
    pub(crate) status: Option<String>,
    pub(crate) log: LevelFilter,
}

/// How the URL is shown: the password only where it is no secret.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    Whole,
    Without(String),
}

impl Shown {
    pub(crate) fn of(&self, broker: &Broker) -> String {
        let url = broker.url();
        match (self, url.rsplit_once('@')) {
            (Self::Without(user), Some((_, place))) => format!("amqp://{user}@{place}"),
            _ => url.to_owned(),
        }
    }
}

/// Reads the arguments of the process, and what they leave out from its environment.
pub(crate) fn parse() -> Result<Options, clap::Error> {
    let arguments = Arguments::try_parse()?;
    let mebibytes = usize::try_from(arguments.memory_limit).unwrap_or(usize::MAX);
    let mut builder = Broker::builder()
        .memory_limit(mebibytes.saturating_mul(1 << 20))
        .heartbeat(Duration::from_secs(arguments.heartbeat.into()))
        .max_connections(arguments.max_connections);
    for vhost in arguments.vhosts {
        builder = builder.vhost(vhost);
    }
    let guest = || "guest".to_owned();
    let shown = match (arguments.user, arguments.password) {
        (Some(user), None) if user != "guest" => {
            let problem = format!("the user '{user}' needs a password (--password)\n");
            return Err(clap::Error::raw(
                ErrorKind::MissingRequiredArgument,
                problem,
            ));
        }
        (user, password) => {
            let user = user.unwrap_or_else(guest);
            let password = password.unwrap_or_else(guest);
            let shown = match (user.as_str(), password.as_str()) {
                ("guest", "guest") => Shown::Whole,
                _ => Shown::Without(user.clone()),
            };
            builder = builder.user(user, password);
            shown
        }
    };
    Ok(Options {
        listen: arguments.listen,
        builder,
        shown,
        status: arguments.status,
        log: arguments.log,
    })
}
