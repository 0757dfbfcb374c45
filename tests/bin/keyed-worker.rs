//! An instance that works on what is ordered by key, for tests that kill it: `keyed-worker tasks|calls NAMESPACE JOURNAL
//! INSTANCE`, with the broker in `AMQP_URL`. It appends a line to the journal when a handler begins and when it ends.

#[path = "../faults/keyed/contract.rs"]
mod contract;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use contract::{Ledger, LedgerServer, Step, steps};
use leveret::{Connection, Message};

/// How long a handler takes, so that there is something to be killed in.
const WORK: Duration = Duration::from_millis(3);

#[derive(Clone)]
struct Instance {
    name: Arc<str>,
    journal: Arc<File>,
}

impl Instance {
    /// Instances share the journal: a line is one write, which the kernel appends as a whole.
    fn note(&self, what: &str, (key, n): Step) -> io::Result<()> {
        let line = format!("{what} {key} {n} {}\n", self.name);
        (&*self.journal).write_all(line.as_bytes())
    }

    async fn run(&self, step: Step) -> io::Result<()> {
        self.note("start", step)?;
        tokio::time::sleep(WORK).await;
        self.note("end", step)
    }

    /// Some fail at first: those behind them have to wait.
    async fn run_task(self, step: Step, message: Message) -> io::Result<()> {
        if step.1 % 20 == 7 && message.attempt() == 1 {
            self.note("start", step)?;
            self.note("fail", step)?;
            return Err(io::Error::other("at first"));
        }
        self.run(step).await
    }
}

impl Ledger for Instance {
    async fn step(&self, key: u32, n: u32) -> u32 {
        self.run((key, n)).await.expect("the journal");
        n
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [what, namespace, journal, name] = &arguments[..] else {
        return Err("usage: keyed-worker tasks|calls NAMESPACE JOURNAL INSTANCE".into());
    };
    let journal = OpenOptions::new().append(true).open(journal)?;
    let instance = Instance {
        name: name.as_str().into(),
        journal: Arc::new(journal),
    };
    let connection = Connection::builder(std::env::var("AMQP_URL")?)
        .namespace(namespace)
        .connect()
        .await?;
    match &**what {
        "tasks" => {
            let handler = move |step, message| instance.clone().run_task(step, message);
            let worker = connection.worker(&steps()).start(handler).await?;
            println!("ready");
            worker.run().await?;
        }
        "calls" => {
            let service = LedgerServer::new(instance);
            let server = connection.server().service(service).start().await?;
            println!("ready");
            server.run().await?;
        }
        other => return Err(format!("no {other}: tasks or calls").into()),
    }
    Ok(())
}
