//! The broker that a test talks to, wherever it comes from.

use std::path::PathBuf;

use crate::raw::Raw;
use crate::{RabbitMq, ctl, ports};

/// A broker for tests: the one that `with-rabbitmq` started for the whole run, or one of this test's own.
///
/// Every test may run at the same time as every other on the shared broker, so it keeps to names under a
/// [`namespace`](Self::namespace) of its own and pulls no lever that others would feel (alarms, `stop_app`,
/// `close_all_connections`). A test that needs such levers starts a [`RabbitMq`] for itself.
#[derive(Debug)]
pub struct Broker {
    url: String,
    ctl: PathBuf,
    /// Holds the node up for as long as the test uses it.
    _own: Option<RabbitMq>,
}

impl Broker {
    /// The node of this run, or a fresh private one when the test runs alone.
    pub async fn shared() -> Self {
        match (std::env::var("AMQP_URL"), std::env::var_os(ctl::VARIABLE)) {
            (Ok(url), Some(script)) => Self {
                url,
                ctl: script.into(),
                _own: None,
            },
            // A bare AMQP_URL is some developer's broker: tests create and delete on theirs only.
            _ => RabbitMq::start().await.into(),
        }
    }

    /// Where to connect.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A fresh prefix for queue and exchange names, such as `t09af3c55d201.`.
    #[must_use]
    pub fn namespace(&self) -> String {
        format!("t{:012x}.", ports::random() & 0xffff_ffff_ffff)
    }

    /// Runs `rabbitmqctl` and returns what it printed; panics if it fails.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        ctl::run(&self.ctl, arguments)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// A peer that is not Leveret.
    pub async fn raw(&self) -> Raw {
        Raw::connect(&self.url).await
    }
}

impl From<RabbitMq> for Broker {
    fn from(node: RabbitMq) -> Self {
        Self {
            url: node.url(),
            ctl: node.ctl_script(),
            _own: Some(node),
        }
    }
}
