//! A private `RabbitMQ` node: own name, ports, cookie, epmd and data, in a folder that goes away with it.
//!
//! The node survives neither its owner's drop nor the owner's death; [`guard`] says how.

mod config;
mod guard;

use std::io;
use std::path::PathBuf;

use crate::certs::Certificates;
use crate::{ctl, install};
use config::Layout;
use guard::{End, Guard};

/// How a node is to be set up.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    tls: bool,
    client_certificates: bool,
    management: bool,
    config: String,
}

impl Builder {
    /// Adds a TLS listener with a certificate for `localhost` and `127.0.0.1`.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Adds a TLS listener that accepts only clients with a certificate.
    #[must_use]
    pub fn mutual_tls(mut self) -> Self {
        self.client_certificates = true;
        self.tls()
    }

    /// Adds the management API, over TLS if there is a TLS listener. Its figures are a tenth of a second old.
    #[must_use]
    pub fn management(mut self) -> Self {
        self.management = true;
        self.config("collect_statistics_interval = 100")
    }

    /// Adds a line to `rabbitmq.conf`, e.g. `consumer_timeout = 5000`.
    #[must_use]
    pub fn config(mut self, line: &str) -> Self {
        self.config.push_str(line);
        self.config.push('\n');
        self
    }

    /// Starts the node; panics where [`try_start`](Self::try_start) fails.
    pub async fn start(self) -> RabbitMq {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("\n{error}\n"))
    }

    /// Starts the node and returns when it has finished booting.
    ///
    /// # Errors
    ///
    /// When `RabbitMQ` is not installed, or the node ends before it is up; the message has its output.
    pub async fn try_start(self) -> io::Result<RabbitMq> {
        let sbin = install::sbin()?;
        let layout = Layout::create(&self, sbin)?;
        let guard = Guard::spawn(&layout).await?;
        Ok(RabbitMq {
            guard: Some(guard),
            layout,
        })
    }
}

/// A running (or, after [`kill`](Self::kill), stopped) private node.
#[derive(Debug)]
pub struct RabbitMq {
    // Before the layout: the node must be gone when its folder is removed.
    guard: Option<Guard>,
    layout: Layout,
}

impl RabbitMq {
    /// Starts a node with the defaults.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// For a node with TLS or other settings.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where to connect: user `guest`, virtual host `/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.layout.port)
    }

    /// Where to connect with TLS; panics if the node was started without.
    #[must_use]
    pub fn tls_url(&self) -> String {
        let port = self
            .layout
            .tls_port
            .expect("a node started with RabbitMq::builder().tls()");
        format!("amqps://guest:guest@localhost:{port}/%2f")
    }

    /// The management API, without a login; panics if the node was started without.
    #[must_use]
    pub fn management_url(&self) -> String {
        let port = self
            .layout
            .management_port
            .expect("a node started with RabbitMq::builder().management()");
        let scheme = self.layout.tls_port.map_or("http", |_| "https");
        format!("{scheme}://127.0.0.1:{port}")
    }

    /// The certificates of the TLS listener; panics if the node was started without.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        self.layout
            .certificates
            .as_ref()
            .expect("a node started with RabbitMq::builder().tls()")
    }

    /// The Erlang node's name.
    #[must_use]
    pub fn node_name(&self) -> &str {
        &self.layout.node_name
    }

    /// The script that runs `rabbitmqctl` against this node from any process.
    #[must_use]
    pub fn ctl_script(&self) -> PathBuf {
        self.layout.path("ctl")
    }

    /// Runs `rabbitmqctl` and returns what it printed; panics if it fails.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        self.try_ctl(arguments)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs `rabbitmqctl` and returns what it printed.
    ///
    /// # Errors
    ///
    /// When it exits with a failure; the message has its output.
    pub async fn try_ctl(&self, arguments: &[&str]) -> io::Result<String> {
        ctl::run(&self.ctl_script(), arguments).await
    }

    /// Ends the node with SIGKILL, keeping its data.
    pub async fn kill(&mut self) {
        self.end(End::Kill).await;
    }

    /// Ends the node in good order, keeping its data.
    pub async fn stop(&mut self) {
        self.end(End::Stop).await;
    }

    /// Starts the node again on the same ports and data, stopping it first if it runs.
    pub async fn restart(&mut self) {
        self.stop().await;
        let guard = Guard::spawn(&self.layout).await;
        self.guard = Some(guard.unwrap_or_else(|error| panic!("\n{error}\n")));
    }

    /// The node's log, for a look after a failure.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.layout.path("rabbit.log")).unwrap_or_default()
    }

    async fn end(&mut self, how: End) {
        let Some(guard) = self.guard.take() else {
            return;
        };
        tokio::task::spawn_blocking(move || guard.end(how))
            .await
            .expect("the guard ends the node");
    }
}
