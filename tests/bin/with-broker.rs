//! Runs a command with a private broker beside it:
//! `with-broker [--embedded | --rabbitmq] [--unless-amqp-url] [--] COMMAND [ARGUMENT]...`
//!
//! The embedded broker, which is the default, runs in this process; `RabbitMQ` is a node of its own. The command finds
//! the broker in `AMQP_URL`, which of the two it is in `LEVERET_TEST_BROKER`, where this process listens for an operator's
//! orders in `LEVERET_TEST_ORDERS`, and for `RabbitMQ` a script that runs `rabbitmqctl` against it in
//! `LEVERET_TEST_CTL`. One broker serves a whole test run this way, where each test is a process of its own. The command's
//! exit status is passed on; SIGINT and SIGTERM end both. With `--unless-amqp-url` a broker that is already in `AMQP_URL`
//! is used instead.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use harness::{Broker, Kind, Signal};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (mut kind, mut unless_amqp_url) = (Kind::Embedded, false);
    while let Some(flag) = take_flag(&mut arguments) {
        match flag.as_str() {
            "--embedded" => kind = Kind::Embedded,
            "--rabbitmq" => kind = Kind::RabbitMq,
            "--unless-amqp-url" => unless_amqp_url = true,
            "--" => break,
            _ => return usage(),
        }
    }
    if arguments.is_empty() {
        return usage();
    }
    let given = unless_amqp_url && std::env::var_os("AMQP_URL").is_some();
    match run(&arguments, (!given).then_some(kind)).await {
        Ok(status) => exit_code(status),
        Err(error) => {
            eprintln!("with-broker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: with-broker [--embedded | --rabbitmq] [--unless-amqp-url] [--] COMMAND [ARGUMENT]..."
    );
    ExitCode::from(2)
}

fn take_flag(arguments: &mut Vec<OsString>) -> Option<String> {
    let flag = arguments.first()?.to_str()?;
    flag.starts_with("--")
        .then(|| flag.to_owned())
        .inspect(|_| drop(arguments.remove(0)))
}

async fn run(arguments: &[OsString], kind: Option<Kind>) -> std::io::Result<ExitStatus> {
    // From here on a signal no longer ends this process, so the broker is always taken down.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;

    let mut command = Command::new(&arguments[0]);
    command.args(&arguments[1..]);
    let broker = match kind {
        None => None,
        Some(kind) => tokio::select! {
            broker = Broker::start(kind) => Some(broker?),
            _ = interrupt.recv() => return Ok(ExitStatus::from_raw(2)),
            _ = terminate.recv() => return Ok(ExitStatus::from_raw(15)),
        },
    };
    if let Some(broker) = &broker {
        command.envs(broker.environment().await?);
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
