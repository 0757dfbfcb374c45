//! The broker that a test talks to, whichever it is and wherever it comes from.

use std::sync::Arc;

use leveret_broker::{Restart, Suspend};
use serde::de::DeserializeOwned;

use crate::embedded::Embedded;
use crate::operator::{Connection, Operator, Order, Queue, line};
use crate::raw::Raw;
use crate::{RabbitMq, ports};

/// Which broker a run is about; `with-broker` says so in the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Leveret's own, in the process that needs it. What a test gets that runs alone.
    Embedded,
    /// A private `RabbitMQ`.
    RabbitMq,
}

impl Kind {
    /// The variable that names it.
    pub const VARIABLE: &str = "LEVERET_TEST_BROKER";

    /// The broker of this run.
    #[must_use]
    pub fn of_this_run() -> Self {
        match std::env::var(Self::VARIABLE).as_deref() {
            Ok("rabbitmq") => Self::RabbitMq,
            Ok("embedded") | Err(_) => Self::Embedded,
            Ok(other) => panic!("{}={other}: embedded or rabbitmq", Self::VARIABLE),
        }
    }

    /// As in the environment.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::RabbitMq => "rabbitmq",
        }
    }
}

/// A broker for tests: the one that `with-broker` started for the whole run, or one of this test's own.
///
/// Every test may run at the same time as every other on the shared broker, so it keeps to names under a
/// [`namespace`](Self::namespace) of its own and pulls no lever that others would feel (the memory alarm,
/// [`suspend`](Self::suspend), [`close_connections`](Self::close_connections)). A test that needs such levers takes a
/// broker for [itself](Self::own).
#[derive(Debug)]
pub struct Broker {
    url: String,
    operator: Operator,
    own: Option<Own>,
}

#[derive(Debug)]
enum Own {
    Embedded(Embedded),
    RabbitMq(RabbitMq),
}

impl Broker {
    /// The broker of this run, or a fresh private one when the test runs alone.
    pub async fn shared() -> Self {
        match (std::env::var("AMQP_URL"), std::env::var(line::VARIABLE)) {
            (Ok(url), Ok(address)) => Self {
                url,
                operator: Operator::Runner(address.parse().expect("the address of with-broker")),
                own: None,
            },
            // A bare AMQP_URL is some developer's broker: tests create and delete on theirs only.
            _ => Self::own().await,
        }
    }

    /// A fresh private broker of the kind that this run is about.
    pub async fn own() -> Self {
        Self::start(Kind::of_this_run())
            .await
            .unwrap_or_else(|error| panic!("\n{error}\n"))
    }

    /// A fresh private broker.
    ///
    /// # Errors
    ///
    /// When `RabbitMQ` is not installed or does not start.
    pub async fn start(kind: Kind) -> std::io::Result<Self> {
        Ok(match kind {
            Kind::RabbitMq => RabbitMq::builder().try_start().await?.into(),
            Kind::Embedded => {
                let own = Embedded::start().await?;
                Self {
                    url: own.broker().url().to_owned(),
                    operator: Operator::Embedded(Arc::clone(own.broker())),
                    own: Some(Own::Embedded(own)),
                }
            }
        })
    }

    /// A fresh private broker of the kind that this run is about, and the URL of its management API, without a login.
    pub async fn managed() -> (Self, String) {
        match Kind::of_this_run() {
            Kind::RabbitMq => {
                let node = RabbitMq::builder().management().start().await;
                let url = node.management_url();
                (node.into(), url)
            }
            Kind::Embedded => {
                let broker = Self::own().await;
                let Operator::Embedded(own) = &broker.operator else {
                    unreachable!("an embedded broker of this test's own")
                };
                let page = own.serve_status("127.0.0.1:0").await;
                let page = page.unwrap_or_else(|error| panic!("{error}"));
                (broker, format!("http://{page}"))
            }
        }
    }

    /// Which one it is, for the few places where they differ.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.operator {
            Operator::Embedded(_) => Kind::Embedded,
            Operator::RabbitMq { .. } => Kind::RabbitMq,
            Operator::Runner(_) => Kind::of_this_run(),
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

    /// A peer that is not Leveret.
    pub async fn raw(&self) -> Raw {
        Raw::connect(&self.url).await
    }

    /// All queues, those of other tests too.
    pub async fn queues(&self) -> Vec<Queue> {
        self.ask(Order::Queues).await
    }

    /// A queue, if it exists.
    pub async fn queue(&self, name: &str) -> Option<Queue> {
        let mut queues = self.queues().await.into_iter();
        queues.find(|queue| queue.name == name)
    }

    /// Deletes a queue, also one that belongs to somebody's connection alone.
    pub async fn delete_queue(&self, name: &str) {
        self.give(Order::DeleteQueue { name: name.into() }).await;
    }

    /// All connections, those of other tests too. `RabbitMQ`'s list lags behind.
    pub async fn connections(&self) -> Vec<Connection> {
        self.ask(Order::Connections).await
    }

    /// Closes a connection as an operator does, with a reason that its client hears.
    pub async fn close_connection(&self, id: &str, reason: &str) {
        let (id, reason) = (id.into(), reason.into());
        self.give(Order::CloseConnection { id, reason }).await;
    }

    /// Closes all connections.
    pub async fn close_connections(&self, reason: &str) {
        let reason = reason.into();
        self.give(Order::CloseConnections { reason }).await;
    }

    /// Adds a login that may do everything, or gives it another password.
    pub async fn set_user(&self, name: &str, password: &str) {
        let (name, password) = (name.into(), password.into());
        self.give(Order::SetUser { name, password }).await;
    }

    /// Takes a login away.
    pub async fn remove_user(&self, name: &str) {
        self.give(Order::RemoveUser { name: name.into() }).await;
    }

    /// Adds a virtual host and returns its URL: for programs whose queues have fixed names.
    pub async fn add_vhost(&self, name: &str) -> String {
        self.ask(Order::AddVhost { name: name.into() }).await
    }

    /// Takes a virtual host away with all that is in it.
    pub async fn remove_vhost(&self, name: &str) {
        self.give(Order::RemoveVhost { name: name.into() }).await;
    }

    /// Lets the broker behave as if memory were short, or no longer.
    pub async fn set_memory_alarm(&self, on: bool) {
        self.give(Order::SetMemoryAlarm { on }).await;
    }

    /// Takes the broker down in order: says goodbye on every connection, and closes the port.
    pub async fn suspend(&self) {
        self.give(Order::Suspend).await;
    }

    /// Brings it up again on the same port.
    pub async fn resume(&self) {
        self.give(Order::Resume).await;
    }

    /// Has a private broker write down now which quorum queues it has. `RabbitMQ` keeps that list in a file that it
    /// writes up to 3 s after it has confirmed a declaration (`dets:insert` without `dets:sync` in `ra_directory.erl` of
    /// `rabbitmq/ra`, 3.1.10 too); a quorum queue that it is killed before comes back empty, and elects no leader.
    pub async fn write_queue_list(&mut self) {
        match self.mine() {
            Own::Embedded(_) => {}
            Own::RabbitMq(node) => {
                node.ctl(&["eval", "[ok = dets:sync(T) || T <- dets:all()]."])
                    .await;
            }
        }
    }

    /// Ends a private broker without a word, as a crash does.
    pub async fn kill(&mut self) {
        match self.mine() {
            Own::Embedded(broker) => broker.broker().suspend(Suspend::Abrupt).await,
            Own::RabbitMq(node) => node.kill().await,
        }
    }

    /// Starts it again on the same port, with nothing but what is durable.
    pub async fn restart(&mut self) {
        match self.mine() {
            Own::Embedded(broker) => {
                broker.broker().suspend(Suspend::InOrder).await;
                let resumed = broker.broker().resume(Restart::KeepDurable).await;
                resumed.unwrap_or_else(|error| panic!("{error}"));
            }
            Own::RabbitMq(node) => node.restart().await,
        }
    }

    /// What a child process needs in its environment to use this broker, and to give orders to it through
    /// this process.
    ///
    /// # Errors
    ///
    /// When no port can be opened for the orders.
    pub async fn environment(&self) -> std::io::Result<Vec<(&'static str, String)>> {
        let orders = line::listen(self.operator.clone()).await?;
        let mut variables = vec![
            ("AMQP_URL", self.url.clone()),
            (Kind::VARIABLE, self.kind().name().to_owned()),
            (line::VARIABLE, orders.to_string()),
        ];
        if let Operator::RabbitMq { ctl, .. } = &self.operator {
            variables.push((crate::ctl::VARIABLE, ctl.display().to_string()));
        }
        Ok(variables)
    }

    fn mine(&mut self) -> &mut Own {
        self.own.as_mut().expect("a broker of this test's own")
    }

    async fn ask<T: DeserializeOwned>(&self, order: Order) -> T {
        let answer = self.operator.carry_out(&order).await;
        let answer = answer.unwrap_or_else(|error| panic!("{order:?}: {error}"));
        serde_json::from_value(answer).unwrap_or_else(|error| panic!("{order:?}: {error}"))
    }

    async fn give(&self, order: Order) {
        self.ask::<()>(order).await;
    }
}

impl From<RabbitMq> for Broker {
    fn from(node: RabbitMq) -> Self {
        let (ctl, url) = (node.ctl_script(), node.url());
        Self {
            url: url.clone(),
            operator: Operator::RabbitMq { ctl, url },
            own: Some(Own::RabbitMq(node)),
        }
    }
}
