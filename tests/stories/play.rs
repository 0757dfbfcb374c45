//! Plays a story: starts its programs, waits for what they say and never for time, stops those that stay, and compares.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::select_all;
use harness::{Process, Signal, python};
use tokio::process::Command;
use tokio::time::{Instant, timeout};

use crate::transcript::{Act, Transcript};

/// How long a program has to end, all else having been said and done.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a story is, which languages it is played in, and on which broker.
#[derive(Clone, Copy)]
pub(crate) struct Stage<'a> {
    pub(crate) folder: &'a Path,
    /// For programs that are named without an ending: `rs`, `py` or `js`.
    pub(crate) ending: &'a str,
    pub(crate) url: &'a str,
}

/// What has happened, to be shown, and whether it is what was expected.
pub(crate) struct Played {
    pub(crate) shown: String,
    pub(crate) as_expected: bool,
}

impl Played {
    fn act(&mut self, act: &Act, ended: Ended) {
        let mut lines = vec![format!("$ {}", act.heading)];
        lines.extend(ended.printed.concat());
        let complaint = ended
            .failure
            .or_else(|| act.complaint(&ended.printed, ended.lasted));
        if let Some(complaint) = complaint {
            self.as_expected = false;
            lines.push(format!("WRONG: {complaint}"));
        }
        for line in lines {
            self.shown.push_str(&line);
            self.shown.push('\n');
        }
    }
}

/// How the programs of an act ended.
struct Ended {
    printed: Vec<Vec<String>>,
    lasted: Duration,
    failure: Option<String>,
}

/// Plays it to its end.
pub(crate) async fn play(transcript: &Transcript, stage: Stage<'_>) -> Played {
    let (mut staying, mut ends) = (Vec::new(), Vec::new());
    for (n, act) in transcript.acts.iter().enumerate() {
        let commands = act.programs.iter();
        let commands = commands.map(|program| command(program, transcript, stage));
        let programs: Vec<_> = commands.map(Process::spawn).collect();
        if act.stays {
            let mut ready = true;
            for program in &programs {
                ready &= is_ready(&program.first_lines(1).await);
            }
            let printing = tokio::spawn(print(programs, act.lines.len()));
            staying.push((n, printing));
            if !ready {
                break;
            }
        } else {
            ends.push((n, end(programs, Duration::ZERO, false).await));
        }
    }
    // All of them first: what one still has to say may need another.
    let mut said = Vec::new();
    for (n, printing) in staying {
        said.push((n, printing.await.expect("waiting does not panic")));
    }
    for (n, (programs, lasted)) in said {
        ends.push((n, end(programs, lasted, true).await));
    }
    ends.sort_by_key(|(n, _)| *n);

    let mut played = Played {
        shown: String::new(),
        as_expected: true,
    };
    for (act, (_, ended)) in transcript.acts.iter().zip(ends) {
        played.act(act, ended);
    }
    played
}

fn command(program: &[String], transcript: &Transcript, stage: Stage<'_>) -> Command {
    let Stage {
        folder,
        ending,
        url,
    } = stage;
    let (name, arguments) = program.split_first().expect("a program");
    let (name, ending) = name.rsplit_once('.').unwrap_or((name, ending));
    let script = folder.join(format!("{name}.{ending}"));
    let mut command = match ending {
        "py" => interpreter(&python(), &script),
        "js" if script.exists() => interpreter("node".as_ref(), &script),
        // Also what Node would add nothing to.
        _ => {
            let story = folder.file_name().expect("a story").to_string_lossy();
            Command::new(built(&format!("{story}-{name}").replace('_', "-")))
        }
    };
    for (name, value) in &transcript.environment {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    command.args(arguments).env("AMQP_URL", url);
    command
}

fn interpreter(program: &Path, script: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(script);
    command
}

/// A Rust program that was built when this one was.
fn built(example: &str) -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    this.with_file_name("examples").join(example)
}

/// Waits until the programs have said that they are ready and then printed so many lines, all together; or one of them has
/// ended, or has had nothing to say for too long. The time is that between the first line and the last.
async fn print(programs: Vec<Process>, lines: usize) -> (Vec<Process>, Duration) {
    let mut first = None;
    loop {
        let counts: Vec<_> = programs
            .iter()
            .map(|program| program.lines().len())
            .collect();
        let printed: usize = counts.iter().sum();
        if printed > programs.len() {
            first.get_or_insert_with(Instant::now);
        }
        if printed >= lines + programs.len() {
            break;
        }
        let next = programs.iter().zip(&counts);
        let next = next.map(|(program, count)| Box::pin(program.first_lines(count + 1)));
        let (its_lines, which, _) = select_all(next).await;
        if its_lines.len() == counts[which] {
            break;
        }
    }
    let lasted = first.map(|first| first.elapsed());
    (programs, lasted.unwrap_or_default())
}

fn is_ready(lines: &[String]) -> bool {
    lines.first().is_some_and(|line| line == "ready")
}

/// Waits for the end of programs, those that stay after a Ctrl-C.
async fn end(programs: Vec<Process>, lasted: Duration, stays: bool) -> Ended {
    let mut ended = Ended {
        printed: Vec::new(),
        lasted,
        failure: None,
    };
    for mut program in programs {
        if stays {
            program.signal(Signal::INT);
        }
        let its_end = timeout(PATIENCE, program.wait()).await;
        if its_end.is_err() {
            program.signal(Signal::KILL);
        }
        let (status, mut lines) = program.output().await;
        if stays && is_ready(&lines) {
            lines.remove(0);
        } else if stays {
            ended.failure = Some("should have said `ready` first".to_owned());
        }
        if !status.success() {
            ended.failure = Some(format!("ended with {status}"));
        }
        ended.printed.push(lines);
    }
    ended
}
