//! The processes of a sale: each is started, waited for until it says where it is, and ended in order. None stays behind,
//! whatever happens here: a process ends when its stdin does, and that ends with this one, be it by a panic or by SIGKILL.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::time::timeout;

use crate::failure::{Doing, Failure, Result};
use crate::roles::READY;

/// A loaded machine may take its time; a process that hangs must not hang the sale.
const STARTING: Duration = Duration::from_secs(60);
const ENDING: Duration = Duration::from_secs(10);

/// The process that starts and stops a database server, which is not its child.
pub(crate) const DATABASE: &str = "database";

#[derive(Debug)]
struct Process {
    name: String,
    address: String,
    stdin: Option<ChildStdin>,
    child: tokio::process::Child,
}

/// Those that run, in the order in which they were started.
#[derive(Debug, Default)]
pub(crate) struct Processes(Vec<Process>);

impl Processes {
    /// Starts this program in another role. Returns what it says when it is ready.
    pub(crate) async fn start_role(
        &mut self,
        name: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<String> {
        let program = std::env::current_exe().doing("finding this program")?;
        let mut command = Command::new(program);
        command.args(arguments).envs(environment.iter().copied());
        self.start(name, command).await
    }

    pub(crate) async fn start(&mut self, name: &str, command: Command) -> Result<String> {
        let process = Process::start(name, command).await?;
        let address = process.address.clone();
        self.0.push(process);
        Ok(address)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Name and id of each.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0
            .iter()
            .filter_map(|process| Some((process.name.as_str(), process.child.id()?)))
    }

    /// Ends all but the first `count`, the last one first: who asks goes before who answers. The first failure is told.
    pub(crate) async fn stop_after(&mut self, count: usize) -> Result<()> {
        let mut result = Ok(());
        while self.0.len() > count
            && let Some(process) = self.0.pop()
        {
            result = result.and(process.stop().await);
        }
        result
    }
}

impl Process {
    /// Returns when it is ready.
    async fn start(name: &str, mut command: Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for the command alone, which then ends its processes in order.
            .process_group(0)
            .spawn()
            .doing(format!("starting {name}"))?;
        let stdin = child.stdin.take();
        let out = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(out).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.doing(format!("reading {name}"))? {
                if let Some(address) = line.strip_prefix(READY) {
                    return Ok(address.to_owned());
                }
            }
            Err(Failure::NotReady(name.to_owned()))
        };
        let address = timeout(STARTING, ready)
            .await
            .map_err(|_| Failure::Unusable(format!("{name} was not ready in {STARTING:?}")))??;
        Ok(Self {
            name: name.to_owned(),
            address,
            stdin,
            child,
        })
    }

    /// Lets it end in order, and kills it if it does not.
    async fn stop(mut self) -> Result<()> {
        drop(self.stdin.take());
        let Ok(ended) = timeout(ENDING, self.child.wait()).await else {
            let _ = self.child.kill().await;
            return Err(Failure::Unusable(format!(
                "{} did not end in {ENDING:?}",
                self.name
            )));
        };
        let status = ended.doing(format!("waiting for {}", self.name))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::Unusable(format!(
                "{} ended with {status}",
                self.name
            )))
        }
    }
}
