//! Ties the node's life to its owner's.
//!
//! The node is a child of a small shell script that reads a pipe from the owner. A word in the pipe ends the node in one
//! way or another; the end of the pipe, which the kernel brings about however the owner dies, ends it at
//! once and removes its folder. The script has a process group of its own, so that a Ctrl-C or a test
//! runner's kill ends the owner first and the script can still clean up.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;

use super::config::Layout;
use crate::wait::PATIENCE;

const SCRIPT: &str = include_str!("guard.sh");

/// How a node ends while its owner lives on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Kill,
    Stop,
}

/// The script's process; dropping it ends the node and waits until it is gone.
#[derive(Debug)]
pub(crate) struct Guard {
    child: Child,
}

impl Guard {
    pub(crate) async fn spawn(layout: &Layout) -> io::Result<Self> {
        let mut command = Command::new("sh");
        layout.environment(&mut command);
        let mut child = command
            .args(["-c", SCRIPT, "leveret-guard"])
            .arg(layout.folder())
            .arg(layout.sbin.join("rabbitmq-server"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let output = child.stdout.take().expect("stdout is piped");
        let guard = Self { child };

        let booted = watch_boot(output);
        let outcome =
            tokio::task::spawn_blocking(move || booted.recv_timeout(PATIENCE * 2)).await?;
        match outcome {
            Ok(Ok(())) => Ok(guard),
            Ok(Err(output)) => Err(io::Error::other(format!(
                "RabbitMQ ended while it started:\n{output}"
            ))),
            Err(_) => Err(io::Error::other("RabbitMQ did not start in a minute")),
        }
    }

    pub(crate) fn end(mut self, how: End) {
        let word: &[u8] = match how {
            End::Kill => b"kill\n",
            End::Stop => b"stop\n",
        };
        if let Some(mut pipe) = self.child.stdin.take() {
            // A script that is already gone has ended its node.
            let _ = pipe.write_all(word);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Reads the node's output to its end, on a thread, since a full pipe would stop the node; reports the boot's success, or all output
/// if that ends first.
fn watch_boot(output: ChildStdout) -> mpsc::Receiver<Result<(), String>> {
    let (report, booted) = mpsc::channel();
    std::thread::spawn(move || {
        let mut seen = String::new();
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            seen.push_str(&line);
            seen.push('\n');
            if line.contains("completed with") {
                let _ = report.send(Ok(()));
            }
        }
        let _ = report.send(Err(seen));
    });
    booted
}
