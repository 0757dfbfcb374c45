//! Every language calls every other: one list of cases, and for each pair a server in one language that a caller in the
//! other runs them against. README.md has the contract.

#[path = "rust/cases.rs"]
mod cases;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use harness::{Broker, Process, Signal, binary, python, root};
use serde_json::Value;
use tokio::process::Command;

/// How a language serves and calls.
struct Language {
    name: &'static str,
    server: fn() -> Command,
    caller: fn() -> Command,
}

const RUST: Language = Language {
    name: "rust",
    server: || Command::new(binary("interop-server")),
    caller: || Command::new(binary("interop-caller")),
};

const NODE: Language = Language {
    name: "node",
    server: || node("server.js"),
    caller: || node("caller.js"),
};

const PYTHON: Language = Language {
    name: "python",
    server: || python_script("server.py"),
    caller: || python_script("caller.py"),
};

fn python_script(script: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(root().join("tests/interop/python").join(script));
    command
}

fn node(script: &str) -> Command {
    let folder = root().join("tests/interop/node");
    let modules = folder.join("node_modules");
    assert!(modules.exists(), "no Node packages: make deps");
    let mut command = Command::new("node");
    command.arg(folder.join(script));
    command
}

struct Pair {
    broker: Broker,
    namespace: String,
    caller: Language,
    server: Language,
}

impl Pair {
    fn start(&self, mut command: Command, arguments: &[&str]) -> Process {
        command
            .arg(&self.namespace)
            .args(arguments)
            .env("AMQP_URL", self.broker.url())
            .env("RUST_LOG", "leveret=warn");
        Process::spawn(command)
    }

    async fn serve(&self) -> Process {
        let server = self.start((self.server.server)(), &[]);
        server.wait_line("ready").await;
        server
    }

    /// Runs the cases for so many servers, and returns what failed.
    async fn call(&self, servers: usize) -> Vec<String> {
        let caller = (self.caller.caller)();
        let mut caller = self.start(caller, &[self.server.name, &servers.to_string()]);
        let (status, lines) = caller.output().await;
        let mut told: BTreeMap<String, Value> = BTreeMap::new();
        let mut other = Vec::new();
        for line in lines {
            match serde_json::from_str::<Value>(&line) {
                Ok(case) if case.is_object() => {
                    let name = case["case"].as_str().expect("a name").to_owned();
                    assert!(told.insert(name.clone(), case).is_none(), "{name} twice");
                }
                _ => other.push(line),
            }
        }
        assert!(status.success(), "{status}:\n{}", other.join("\n"));
        let failure = |case: cases::Case| match told.remove(&case.name) {
            None => Some(format!("{}: it was not run", case.name)),
            Some(found) if found["ok"] == true => None,
            Some(found) => Some(format!("{}: {}", case.name, found["why"])),
        };
        let cases = cases::load(self.caller.name, self.server.name, servers);
        assert!(!cases.is_empty());
        let mut failures: Vec<_> = cases.into_iter().filter_map(failure).collect();
        failures.extend(
            told.into_keys()
                .map(|name| format!("{name}: not in the list")),
        );
        failures
    }
}

async fn run(caller: Language, server: Language) {
    let broker = Broker::shared().await;
    let namespace = broker.namespace();
    let pair = Pair {
        broker,
        namespace,
        caller,
        server,
    };
    let mut first = pair.serve().await;
    let mut failures = pair.call(1).await;
    let mut second = pair.serve().await;
    failures.extend(pair.call(2).await);
    let log = [first.lines(), second.lines()].concat().join("\n");
    assert!(
        failures.is_empty(),
        "{} calls {}: {} cases failed\n\n{}\n\nthe servers said:\n{log}",
        pair.caller.name,
        pair.server.name,
        failures.len(),
        failures.join("\n"),
    );
    // One of them was killed by the last case; the other one ends in order.
    for server in [&first, &second] {
        server.signal(Signal::TERM);
    }
    let mut ends =
        [first.wait().await, second.wait().await].map(|status| (status.code(), status.signal()));
    ends.sort_unstable();
    assert_eq!(ends, [(None, Some(9)), (Some(0), None)], "{log}");
    pair.broker
        .raw()
        .await
        .delete(&format!("{}interop", pair.namespace))
        .await;
}

macro_rules! pairs {
    ($($name:ident: $caller:expr => $server:expr,)*) => {
        $(#[tokio::test]
        async fn $name() {
            run($caller, $server).await;
        })*
    };
}

pairs! {
    rust_calls_rust: RUST => RUST,
    rust_calls_python: RUST => PYTHON,
    rust_calls_node: RUST => NODE,
    python_calls_rust: PYTHON => RUST,
    python_calls_python: PYTHON => PYTHON,
    python_calls_node: PYTHON => NODE,
    node_calls_rust: NODE => RUST,
    node_calls_python: NODE => PYTHON,
    node_calls_node: NODE => NODE,
}
