//! Child processes with their output at hand, ended with the test that started them.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::wait::{PATIENCE, within};

/// A running child. Both output streams are read line by line into one list; dropping it kills the child.
///
/// The child stays in the test's process group, so that a test runner that kills a hung test takes its
/// children along.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: watch::Receiver<Vec<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command`; panics if that is not possible.
    #[must_use]
    pub fn spawn(mut command: Command) -> Self {
        let name = command
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        // The readers own it, so that whoever waits for a line hears when there will be no more.
        let (writer, lines) = watch::channel(Vec::new());
        let writer = Arc::new(writer);
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let readers = vec![read(stdout, Arc::clone(&writer)), read(stderr, writer)];
        Self {
            name,
            child,
            lines,
            readers,
        }
    }

    /// Waits for a line that contains `text`, also among those already printed, and returns it.
    pub async fn wait_line(&self, text: &str) -> String {
        self.wait_lines(text, 1).await.remove(0)
    }

    /// Waits until there are `count` lines, or will be no more, and returns those that there are.
    pub async fn first_lines(&self, count: usize) -> Vec<String> {
        let mut changes = self.lines.clone();
        let enough = changes.wait_for(|lines| lines.len() >= count);
        let _ = tokio::time::timeout(PATIENCE, enough).await;
        self.lines()
    }

    /// Waits until `count` lines contain `text`, and returns them. Panics when the child ends before.
    pub async fn wait_lines(&self, text: &str, count: usize) -> Vec<String> {
        let matching = |lines: &[String]| -> Vec<String> {
            lines
                .iter()
                .filter(|line| line.contains(text))
                .cloned()
                .collect()
        };
        let mut changes = self.lines.clone();
        let seen = changes.wait_for(|lines| matching(lines).len() >= count);
        if let Ok(Ok(lines)) = tokio::time::timeout(PATIENCE, seen).await {
            return matching(&lines);
        }
        panic!(
            "{} did not print {count} x {text:?} but:\n{}",
            self.name,
            self.lines().join("\n")
        )
    }

    /// What has been printed so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// Sends a signal, such as `Signal::TERM`. A child that has ended is left alone.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()))
        {
            rustix::process::kill_process(pid, signal).expect("the child has not been reaped");
        }
    }

    /// Ends the child with SIGKILL and waits until it is gone.
    pub async fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait().await;
    }

    /// Waits until the child has ended by itself.
    pub async fn wait(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        within(&what, self.child.wait())
            .await
            .expect("a child can be waited for")
    }

    /// The same, and returns all that it printed. Not for a child whose own children outlive it: they hold its output
    /// open.
    pub async fn output(&mut self) -> (ExitStatus, Vec<String>) {
        let status = self.wait().await;
        for reader in self.readers.drain(..) {
            within("the end of the output", reader)
                .await
                .expect("reading does not panic");
        }
        (status, self.lines())
    }
}

fn read(
    stream: impl AsyncRead + Unpin + Send + 'static,
    lines: Arc<watch::Sender<Vec<String>>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut stream = BufReader::new(stream).lines();
        while let Ok(Some(line)) = stream.next_line().await {
            lines.send_modify(|lines| lines.push(line));
        }
    })
}
