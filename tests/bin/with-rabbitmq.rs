//! Runs a command with a private RabbitMQ beside it: `with-rabbitmq [--unless-amqp-url] [--] COMMAND [ARGUMENT]...`
//!
//! The command finds the broker in `AMQP_URL`, and a script that runs `rabbitmqctl` against it in
//! `LEVERET_TEST_CTL`. One node serves a whole test run this way, where each test is a process of its own. The command's
//! exit status is passed on; SIGINT and SIGTERM end both.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use harness::{RabbitMq, Signal};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let unless_amqp_url = take(&mut arguments, "--unless-amqp-url");
    take(&mut arguments, "--");
    if arguments.is_empty() {
        eprintln!("usage: with-rabbitmq [--unless-amqp-url] [--] COMMAND [ARGUMENT]...");
        return ExitCode::from(2);
    }
    let given = unless_amqp_url && std::env::var_os("AMQP_URL").is_some();
    match run(&arguments, given).await {
        Ok(status) => exit_code(status),
        Err(error) => {
            eprintln!("with-rabbitmq: {error}");
            ExitCode::FAILURE
        }
    }
}

fn take(arguments: &mut Vec<OsString>, flag: &str) -> bool {
    let found = arguments.first().is_some_and(|argument| argument == flag);
    if found {
        arguments.remove(0);
    }
    found
}

async fn run(arguments: &[OsString], given: bool) -> std::io::Result<ExitStatus> {
    // From here on a signal no longer ends this process, so the node is always taken down.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;

    let mut command = Command::new(&arguments[0]);
    command.args(&arguments[1..]);
    let node = if given {
        None
    } else {
        tokio::select! {
            node = RabbitMq::builder().try_start() => Some(node?),
            _ = interrupt.recv() => return Ok(ExitStatus::from_raw(2)),
            _ = terminate.recv() => return Ok(ExitStatus::from_raw(15)),
        }
    };
    if let Some(node) = &node {
        command.envs(node.environment());
    }

    let mut child = command.spawn()?;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            // A Ctrl-C in a terminal has reached the command already, and two of them mean more than one.
            _ = interrupt.recv() => if !std::io::stdin().is_terminal() { forward(&child, Signal::INT) },
            _ = terminate.recv() => forward(&child, Signal::TERM),
        }
    }
}

fn forward(child: &Child, signal: Signal) {
    if let Some(pid) = child
        .id()
        .and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()))
    {
        // It may have ended in this very moment, and then there is nobody left to tell.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
