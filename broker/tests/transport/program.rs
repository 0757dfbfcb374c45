//! The program: its one line, its options, its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};

use lapin::{Connection, ConnectionProperties};

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leveret-broker"));
    command
        .env_remove("LEVERET_BROKER_USER")
        .env_remove("LEVERET_BROKER_PASSWORD")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A broker that has said that it is ready.
struct Program {
    child: Child,
    ready: String,
}

impl Program {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = command();
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        command.envs(environment.iter().copied());
        let mut child = command.spawn().expect("the program");
        let mut ready = String::new();
        let stdout = child.stdout.take().expect("its output");
        let read = BufReader::new(stdout).read_line(&mut ready);
        read.expect("a line");
        Self { child, ready }
    }

    fn url(&self) -> &str {
        self.ready
            .strip_prefix("leveret-broker: ready on ")
            .expect("its prefix")
            .trim_end()
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn output(arguments: &[&str]) -> Output {
    command().args(arguments).output().expect("the program")
}

#[cfg(unix)]
#[tokio::test]
async fn it_serves_until_a_signal_stops_it() {
    for signal in ["-TERM", "-INT"] {
        let mut program = Program::start(&[], &[]);
        let url = program.url().to_owned();
        assert!(url.starts_with("amqp://guest:guest@127.0.0.1:"), "{url}");
        let connection = Connection::connect(&url, ConnectionProperties::default()).await;
        let connection = connection.expect("a connection");
        program.signal(signal);
        // lapin answers the close by itself, so nobody is waited for.
        let status = tokio::task::spawn_blocking(move || program.child.wait()).await;
        let status = status.expect("a thread").expect("its end");
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(!connection.status().connected());
    }
}

#[tokio::test]
async fn a_password_is_taken_from_the_environment_and_not_shown() {
    let secret = [
        ("LEVERET_BROKER_USER", "u"),
        ("LEVERET_BROKER_PASSWORD", "hush"),
    ];
    let mut program = Program::start(&["--vhost=v"], &secret);
    let url = program.url().to_owned();
    assert!(
        url.starts_with("amqp://u@127.0.0.1:") && url.ends_with("/v"),
        "{url}"
    );
    let url = url.replace("u@", "u:hush@");
    let connection = Connection::connect(&url, ConnectionProperties::default()).await;
    connection.expect("a connection");
    program.child.kill().expect("its end");
    let mut said = String::new();
    let stderr = program.child.stderr.as_mut().expect("its errors");
    stderr.read_to_string(&mut said).expect("text");
    assert!(
        !said.contains("hush") && said.contains("nothing survives"),
        "{said}"
    );
}

#[test]
fn a_taken_port_is_said_plainly() {
    let program = Program::start(&[], &[]);
    let place = program.url().rsplit_once('@').expect("a login").1;
    let address = place.rsplit_once('/').expect("a vhost").0;
    let output = output(&["--listen", address]);
    assert_eq!(output.status.code(), Some(69));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(address) && said.contains("--listen"),
        "{said}"
    );
}

#[test]
fn help_version_and_mistakes() {
    let help = output(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("--memory-limit"));
    let version = output(&["--version"]);
    let expected = format!("leveret-broker {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8_lossy(&version.stdout), expected);
    for (mistake, named) in [
        (&["--bogus"][..], "--bogus"),
        (&["--memory-limit", "much"], "much"),
        (&["--listen"], "--listen"),
        (&["--user", "u"], "password"),
        (&["--help=x"], "--help"),
    ] {
        let output = output(mistake);
        assert_eq!(output.status.code(), Some(64), "{mistake:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(named), "{said}");
    }
}
