//! What the program is told, by arguments and by its environment.

use std::ffi::OsString;
use std::time::Duration;

use leveret_broker::{Broker, Builder};

const HELP: &str = "\
leveret-broker: an in-memory AMQP 0-9-1 broker

Any AMQP 0-9-1 client can use it. Nothing survives its end: durable queues and
persistent messages survive their clients only.

Usage: leveret-broker [OPTIONS]

  --listen ADDRESS       where to listen [127.0.0.1:5672]; port 0 takes a free one
  --user NAME            the login [guest]
  --password PASSWORD    its password [guest]; better given in the environment,
                         where other users of the machine cannot read it
  --vhost NAME           a virtual host [/]; can be repeated
  --memory-limit MIB     messages held before publishers must wait [256]
  --heartbeat SECONDS    proposed to clients; 0 proposes none [60]
  --max-connections N    how many clients at once [4096]
  --status [ADDRESS]     a page that shows what is there, as HTML, text and JSON,
                         for this machine alone [127.0.0.1:15672]
  --help, --version

Environment: LEVERET_BROKER_USER and LEVERET_BROKER_PASSWORD, where the options
are not given.

It prints one line when it is ready. SIGINT and SIGTERM close the connections
in order; the second one does not wait for them. Exit codes: 0 stopped by a
signal, 64 wrong options, 69 cannot listen.";

/// What is asked of the program.
#[derive(Debug)]
pub(crate) enum Wish {
    Run(Options),
    /// Print this and end.
    Say(String),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) listen: String,
    pub(crate) builder: Builder,
    pub(crate) shown: Shown,
    /// Where the status page is, if there is one.
    pub(crate) status: Option<String>,
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

/// Reads `arguments`, and what they leave out from the environment.
pub(crate) fn parse(
    arguments: impl Iterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Wish, String> {
    let mut listen = "127.0.0.1:5672".to_owned();
    let mut user = None;
    let mut password = None;
    let mut builder = Broker::builder();
    let mut status = None;
    let mut arguments = arguments.map(text).peekable();
    while let Some(argument) = arguments.next() {
        let argument = argument?;
        let (name, mut inline) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (argument.as_str(), None),
        };
        let given = inline.is_some();
        let mut value = || match inline.take() {
            Some(value) => Ok(value),
            None => arguments
                .next()
                .unwrap_or_else(|| Err(format!("{name} needs a value"))),
        };
        match name {
            "--help" | "-h" if !given => return Ok(Wish::Say(HELP.to_owned())),
            "--version" | "-V" if !given => {
                let version = env!("CARGO_PKG_VERSION");
                return Ok(Wish::Say(format!("leveret-broker {version}")));
            }
            "--listen" => listen = value()?,
            "--user" => user = Some(value()?),
            "--password" => password = Some(value()?),
            "--vhost" => builder = builder.vhost(value()?),
            "--memory-limit" => {
                let mebibytes: usize = number(name, &value()?)?;
                let bytes = mebibytes.checked_mul(1 << 20);
                builder = builder.memory_limit(bytes.ok_or("--memory-limit is too large")?);
            }
            "--heartbeat" => {
                let seconds: u16 = number(name, &value()?)?;
                builder = builder.heartbeat(Duration::from_secs(seconds.into()));
            }
            "--max-connections" => {
                builder = builder.max_connections(number(name, &value()?)?);
            }
            "--status" => {
                let is_value = |next: &Result<String, _>| {
                    next.as_ref().is_ok_and(|next| !next.starts_with("--"))
                };
                let address = match inline.take() {
                    Some(address) => Some(address),
                    None => arguments.next_if(is_value).transpose()?,
                };
                status = Some(address.unwrap_or_else(|| "127.0.0.1:15672".to_owned()));
            }
            _ => return Err(format!("'{argument}' is no option")),
        }
    }
    let from = |name| environment(name).map(text).transpose();
    let user = match user {
        Some(user) => Some(user),
        None => from("LEVERET_BROKER_USER")?,
    };
    let password = match password {
        Some(password) => Some(password),
        None => from("LEVERET_BROKER_PASSWORD")?,
    };
    let shown = match (user, password) {
        (None, None) => Shown::Whole,
        (Some(user), None) if user != "guest" => {
            return Err(format!("the user '{user}' needs a password"));
        }
        (user, password) => {
            let user = user.unwrap_or_else(|| "guest".to_owned());
            let password = password.unwrap_or_else(|| "guest".to_owned());
            let shown = match (user.as_str(), password.as_str()) {
                ("guest", "guest") => Shown::Whole,
                _ => Shown::Without(user.clone()),
            };
            builder = builder.user(user, password);
            shown
        }
    };
    Ok(Wish::Run(Options {
        listen,
        builder,
        shown,
        status,
    }))
}

fn text(argument: OsString) -> Result<String, String> {
    argument
        .into_string()
        .map_err(|argument| format!("{} is not Unicode", argument.display()))
}

fn number<N: std::str::FromStr>(name: &str, value: &str) -> Result<N, String> {
    value
        .parse()
        .map_err(|_| format!("{name} needs a number, not '{value}'"))
}
