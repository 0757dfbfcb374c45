//! The broker as a program of its own: `leveret-broker --help`.

mod options;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use leveret_broker::Suspend;
use options::Options;

/// The arguments make no sense, as `sysexits.h` counts.
const USAGE: u8 = 64;
/// The address cannot be listened on.
const UNAVAILABLE: u8 = 69;

#[tokio::main]
async fn main() -> ExitCode {
    match options::parse() {
        Ok(options) => run(options).await,
        Err(error) => {
            // A closed pipe is the reader's choice.
            let _ = error.print();
            if error.use_stderr() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::SUCCESS
            }
        }
    }
}

async fn run(options: Options) -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(options.log)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    // Before the line that says it is ready: whoever reads that may send a signal at once.
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("leveret-broker: cannot wait for signals: {error}");
            return ExitCode::FAILURE;
        }
    };
    let shown = options.shown.clone();
    let broker = match options.builder.bind(options.listen.as_str()).await {
        Ok(broker) => broker,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            eprintln!("leveret-broker: {error}: choose another with --listen");
            return ExitCode::from(UNAVAILABLE);
        }
        Err(error) => {
            eprintln!("leveret-broker: {error}");
            return ExitCode::from(UNAVAILABLE);
        }
    };
    let page = match &options.status {
        Some(address) => match broker.serve_status(address).await {
            Ok(address) => Some(address),
            Err(error) => {
                eprintln!("leveret-broker: no status page: {error}");
                return ExitCode::from(match error.kind() {
                    io::ErrorKind::InvalidInput => USAGE,
                    _ => UNAVAILABLE,
                });
            }
        },
        None => None,
    };
    let ready = shown.of(&broker);
    let _ = writeln!(io::stdout(), "leveret-broker: ready on {ready}");
    if let Some(address) = page {
        let _ = writeln!(io::stdout(), "leveret-broker: status on http://{address}/");
    }
    signals.wait().await;
    tokio::select! {
        () = broker.suspend(Suspend::InOrder) => ExitCode::SUCCESS,
        // Whoever asks twice does not want to wait for clients.
        () = signals.wait() => ExitCode::FAILURE,
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn wait(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
