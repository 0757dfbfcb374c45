//! Programs of other languages and the fib demo's binaries, run in a virtual host of the test's own, since the names of
//! their queues are fixed.

use std::path::Path;

use harness::{Broker, Process, Raw, binary, python, root};
use tokio::process::Command;

use crate::world::World;

pub(crate) struct Vhost {
    broker: Broker,
    name: String,
    pub(crate) url: String,
}

impl Vhost {
    pub(crate) async fn new() -> Self {
        let World {
            broker, namespace, ..
        } = World::new().await;
        let name = namespace.trim_end_matches('.').to_owned();
        let url = broker.add_vhost(&name).await;
        Self { broker, name, url }
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw::connect(&self.url).await
    }

    pub(crate) async fn remove(self) {
        self.broker.remove_vhost(&self.name).await;
    }

    fn start(&self, mut command: Command, arguments: &[&str], kind: &str) -> Process {
        let modules = root().join("examples/fib/node_modules");
        assert!(modules.exists(), "no Node packages: make deps");
        command
            .args(arguments)
            .env("AMQP_URL", &self.url)
            .env("RPC_QUEUE_KIND", kind)
            .env("RUST_LOG", "leveret=warn")
            .env("NODE_PATH", modules);
        Process::spawn(command)
    }

    /// A Rust binary of the workspace.
    pub(crate) fn rust(&self, name: &str, arguments: &[&str]) -> Process {
        self.start(Command::new(binary(name)), arguments, "")
    }

    /// A script of the repository, by its ending.
    pub(crate) fn script(&self, path: &str, arguments: &[&str], kind: &str) -> Process {
        self.file(&root().join(path), arguments, kind)
    }

    pub(crate) fn file(&self, path: &Path, arguments: &[&str], kind: &str) -> Process {
        let is_node = path.extension().is_some_and(|extension| extension == "js");
        let mut command = if is_node {
            Command::new("node")
        } else {
            Command::new(python())
        };
        command.arg(path);
        self.start(command, arguments, kind)
    }
}
