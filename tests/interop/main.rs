//! Every language calls every other: one list of cases, and for each pair a server in one language that a caller in the
//! other runs them against. README.md has the contract.

#[path = "rust/cases.rs"]
mod cases;
mod languages;
mod page;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use harness::Signal;
use languages::{Language, NODE, PYTHON, RUST, World};
use serde_json::Value;

/// Runs the cases for so many servers, and returns what failed.
async fn call(world: &World, caller: &Language, server: &Language, servers: usize) -> Vec<String> {
    let mut process = world.call(caller, server, servers);
    let (status, lines) = process.output().await;
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
    let cases = cases::load(caller.name, server.name, servers);
    assert!(!cases.is_empty());
    let mut failures: Vec<_> = cases.into_iter().filter_map(failure).collect();
    let unknown = |name| format!("{name}: not in the list");
    failures.extend(told.into_keys().map(unknown));
    failures
}

async fn run(caller: Language, server: Language) {
    let world = World::new().await;
    let mut first = world.serve(&server).await;
    let mut failures = call(&world, &caller, &server, 1).await;
    let mut second = world.serve(&server).await;
    failures.extend(call(&world, &caller, &server, 2).await);
    let log = [first.lines(), second.lines()].concat().join("\n");
    assert!(
        failures.is_empty(),
        "{} calls {}: {} cases failed\n\n{}\n\nthe servers said:\n{log}",
        caller.name,
        server.name,
        failures.len(),
        failures.join("\n"),
    );
    // One of them was killed by the last case; the other one ends in order.
    for server in [&first, &second] {
        server.signal(Signal::TERM);
    }
    let ends = [first.wait().await, second.wait().await];
    let mut ends = ends.map(|status| (status.code(), status.signal()));
    ends.sort_unstable();
    assert_eq!(ends, [(None, Some(9)), (Some(0), None)], "{log}");
    world.broker.raw().await.delete(&world.queue()).await;
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
