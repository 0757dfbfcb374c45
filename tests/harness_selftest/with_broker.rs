//! The runner that gives a whole command line its broker.

use harness::{Process, Raw, Signal};
use tokio::process::Command;

/// As a developer calls it: with nothing of this run's own broker.
pub(crate) fn with_broker(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-broker"));
    command
        .args(arguments)
        .env_remove("AMQP_URL")
        .env_remove("LEVERET_TEST_BROKER")
        .env_remove("LEVERET_TEST_ORDERS")
        .env_remove("LEVERET_TEST_CTL");
    command
}

/// Says what is in the environment.
const SHOW: &str = "echo url=$AMQP_URL; echo broker=$LEVERET_TEST_BROKER;";

async fn url_of(runner: &Process) -> String {
    let line = runner.wait_line("url=").await;
    line["url=".len()..].to_owned()
}

#[tokio::test]
async fn gives_the_command_a_broker_and_passes_its_exit_code_on() {
    let script = format!("{SHOW} exit 7");
    for flags in [&["--"][..], &["--embedded", "--"], &[]] {
        let mut runner = Process::spawn(with_broker(&[flags, &["sh", "-c", &script]].concat()));
        assert_eq!(runner.wait_line("broker=").await, "broker=embedded");
        assert!(
            url_of(&runner)
                .await
                .starts_with("amqp://guest:guest@127.0.0.1:")
        );
        assert_eq!(runner.wait().await.code(), Some(7));
    }
}

#[tokio::test]
async fn the_broker_lives_as_long_as_the_command() {
    let script = format!("{SHOW} exec sleep 1000");
    let mut runner = Process::spawn(with_broker(&["sh", "-c", &script]));
    let url = url_of(&runner).await;
    Raw::connect(&url).await.declare("jobs").await;
    runner.signal(Signal::TERM);
    assert_eq!(runner.wait().await.code(), Some(128 + 15));
    let gone = lapin::Connection::connect(&url, lapin::ConnectionProperties::default()).await;
    assert!(gone.is_err());
}

#[tokio::test]
async fn keeps_to_a_given_broker() {
    let show = "echo url=$AMQP_URL; echo orders=$LEVERET_TEST_ORDERS";
    let mut command = with_broker(&["--unless-amqp-url", "--rabbitmq", "--", "sh", "-c", show]);
    command.env("AMQP_URL", "amqp://elsewhere");
    let runner = Process::spawn(command);
    assert_eq!(runner.wait_line("url=").await, "url=amqp://elsewhere");
    assert_eq!(runner.wait_line("orders=").await, "orders=");
}

#[tokio::test]
async fn says_how_it_is_used() {
    for wrong in [&["--fast", "true"][..], &[], &["--embedded"], &["--"]] {
        let mut runner = Process::spawn(with_broker(wrong));
        runner.wait_line("usage: with-broker").await;
        assert_eq!(runner.wait().await.code(), Some(2), "{wrong:?}");
    }
}
