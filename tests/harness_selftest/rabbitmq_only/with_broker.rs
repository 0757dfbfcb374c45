//! The runner with RabbitMQ: nothing of the node outlives it, however it ends.

use std::path::PathBuf;

use harness::{Process, Signal, eventually};
use tokio::process::Command;

use crate::with_broker::with_broker;

fn with_rabbitmq(arguments: &[&str]) -> Command {
    with_broker(&[&["--rabbitmq", "--"], arguments].concat())
}

/// The shell prints where the node is, and whether it can be reached, and then waits.
const SHOW: &str =
    r#"echo "ctl=$LEVERET_TEST_CTL"; echo "url=$AMQP_URL"; "$LEVERET_TEST_CTL" eval 'node().'; "#;

async fn folder_of(runner: &Process) -> PathBuf {
    let line = runner.wait_line("ctl=").await;
    // What rabbitmqctl says; a child that is still at it would outlive the test.
    runner.wait_line("@localhost").await;
    PathBuf::from(&line["ctl=".len()..])
        .parent()
        .expect("a folder")
        .to_path_buf()
}

#[tokio::test]
async fn gives_the_command_a_broker_and_passes_its_exit_code_on() {
    let script = format!("{SHOW} exit 7");
    let mut runner = Process::spawn(with_rabbitmq(&["sh", "-c", &script]));
    let folder = folder_of(&runner).await;
    runner.wait_line("url=amqp://guest:guest@127.0.0.1:").await;
    assert_eq!(runner.wait().await.code(), Some(7));
    assert!(!folder.exists());
}

#[tokio::test]
async fn takes_the_node_down_on_sigterm() {
    let script = format!("{SHOW} exec sleep 1000");
    let mut runner = Process::spawn(with_rabbitmq(&["sh", "-c", &script]));
    let folder = folder_of(&runner).await;
    runner.signal(Signal::TERM);
    assert_eq!(runner.wait().await.code(), Some(128 + 15));
    assert!(!folder.exists());
}

#[tokio::test]
async fn takes_the_node_down_even_when_it_is_killed() {
    // The command must not end by itself, nor outlive this test.
    let script = format!("{SHOW} while kill -0 $PPID; do sleep 0.05; done");
    let mut runner = Process::spawn(with_rabbitmq(&["sh", "-c", &script]));
    let folder = folder_of(&runner).await;
    assert!(folder.exists());
    runner.kill().await;
    eventually("the node's folder to be gone", async || !folder.exists()).await;
}

#[tokio::test]
async fn says_that_rabbitmq_is_missing() {
    let mut command = with_rabbitmq(&["echo", "started"]);
    command.env("LEVERET_RABBITMQ_SBIN", "/nowhere");
    let mut runner = Process::spawn(command);
    runner.wait_line("no RabbitMQ there").await;
    assert_eq!(runner.wait().await.code(), Some(1));
    assert!(!runner.lines().iter().any(|line| line == "started"));
}
