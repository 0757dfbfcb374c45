//! Runs `rabbitmqctl` against a private node, from the process that started it or from any other: the node's folder
//! holds a script that knows the node's name, cookie and ports, and the environment names that script.

use std::io;
use std::path::Path;
use std::process::Stdio;

/// The variable that names the script, for whoever looks into a run by hand.
pub(crate) const VARIABLE: &str = "LEVERET_TEST_CTL";

pub(crate) async fn run(script: &Path, arguments: &[&str]) -> io::Result<String> {
    let output = tokio::process::Command::new(script)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(io::Error::other(format!(
        "rabbitmqctl {}: {}\n{}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    )))
}
