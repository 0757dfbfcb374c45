//! Children: their lines, signals, and that none outlives its handle.

use harness::{Process, Signal, eventually};
use tokio::process::Command;

fn sh(script: &str) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Process::spawn(command)
}

#[tokio::test]
async fn captures_both_streams_and_the_exit_code() {
    let mut child = sh("echo one; echo two >&2; echo another one; exit 3");
    assert_eq!(child.wait_line("two").await, "two");
    assert_eq!(child.wait_lines("one", 2).await, ["one", "another one"]);
    assert_eq!(child.wait().await.code(), Some(3));
}

#[tokio::test]
async fn delivers_signals() {
    let mut child = sh("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
    child.wait_line("ready").await;
    child.signal(Signal::TERM);
    child.wait_line("bye").await;
    assert!(child.wait().await.success());
}

#[tokio::test]
async fn ends_with_its_handle() {
    let child = sh("echo $$; exec sleep 1000");
    let pid = child.wait_lines("", 1).await.remove(0);
    drop(child);
    let path = format!("/proc/{pid}");
    eventually("the child to be gone", async || {
        !std::fs::exists(&path).unwrap_or(true)
    })
    .await;
}

#[test]
fn finds_what_was_built_and_installed() {
    assert!(harness::root().join("Cargo.toml").exists());
    assert!(harness::binary("with-broker").exists());
}
