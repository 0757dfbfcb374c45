//! How each language serves the interop contract and calls it, and a part of the broker to do it in.

use harness::{Broker, Process, binary, python, root};
use tokio::process::Command;

/// The programs of a language.
pub(crate) struct Language {
    pub(crate) name: &'static str,
    server: fn() -> Command,
    caller: fn() -> Command,
}

pub(crate) const RUST: Language = Language {
    name: "rust",
    server: || Command::new(binary("interop-server")),
    caller: || Command::new(binary("interop-caller")),
};

pub(crate) const PYTHON: Language = Language {
    name: "python",
    server: || python_script("server.py"),
    caller: || python_script("caller.py"),
};

pub(crate) const NODE: Language = Language {
    name: "node",
    server: || node_script("server.js"),
    caller: || node_script("caller.js"),
};

fn python_script(script: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(root().join("tests/interop/python").join(script));
    command
}

fn node_script(script: &str) -> Command {
    let folder = root().join("tests/interop/node");
    let modules = folder.join("node_modules");
    assert!(modules.exists(), "no Node packages: make deps");
    let mut command = Command::new("node");
    command.arg(folder.join(script));
    command
}

/// A namespace on the broker.
pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) namespace: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let broker = Broker::shared().await;
        Self {
            namespace: broker.namespace(),
            broker,
        }
    }

    /// The queue of the service.
    pub(crate) fn queue(&self) -> String {
        format!("{}interop", self.namespace)
    }

    fn start(&self, mut command: Command, arguments: &[&str]) -> Process {
        command
            .arg(&self.namespace)
            .args(arguments)
            .env("AMQP_URL", self.broker.url())
            .env("RUST_LOG", "leveret=warn");
        Process::spawn(command)
    }

    pub(crate) async fn serve(&self, language: &Language) -> Process {
        let server = self.start((language.server)(), &[]);
        server.wait_line("ready").await;
        server
    }

    /// A caller that runs the cases for so many servers of that language.
    pub(crate) fn call(&self, caller: &Language, server: &Language, servers: usize) -> Process {
        self.start((caller.caller)(), &[server.name, &servers.to_string()])
    }
}
