//! Runs the stories of `examples/`, all or one: `run-story [STORY [rust | python | node | mixed]]`.
//!
//! They run on the broker at `AMQP_URL`, or else on an embedded one in this process. What their programs print is shown and
//! compared with the story's `expected.txt`, and with `mixed.txt` where languages meet. Exit code 1 if anything differs.

mod play;
mod transcript;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use futures_util::{StreamExt, stream};
use harness::{Broker, Kind, root};
use play::{Stage, play};
use tokio::signal::unix::{SignalKind, signal};
use transcript::Transcript;

/// A language to play in, the ending of its programs, and what they are to print.
const LANGUAGES: [(&str, &str, &str); 4] = [
    ("rust", "rs", "expected.txt"),
    ("python", "py", "expected.txt"),
    ("node", "js", "expected.txt"),
    ("mixed", "", "mixed.txt"),
];

/// Their names are apart, so that stories do not disturb each other.
const AT_ONCE: usize = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let mut terminate = signal(SignalKind::terminate()).expect("signals");
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    tokio::select! {
        result = run(&arguments) => result.unwrap_or_else(|problem| {
            eprintln!("run-story: {problem}");
            ExitCode::from(2)
        }),
        // The programs end with the futures that wait for them.
        _ = terminate.recv() => ExitCode::from(143),
        _ = tokio::signal::ctrl_c() => ExitCode::from(130),
    }
}

async fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let (story, language) = match arguments {
        [] => (None, None),
        [story] => (Some(story), None),
        [story, language] => (Some(story), Some(language.as_str())),
        _ => return Err("usage: run-story [STORY [rust | python | node | mixed]]".into()),
    };
    let examples = root().join("examples");
    let stories = match story {
        None => stories(&examples).map_err(|error| error.to_string())?,
        Some(story) => vec![examples.join(story)],
    };
    let (url, _broker) = match std::env::var("AMQP_URL") {
        Ok(url) => (url, None),
        Err(_) => {
            let broker = Broker::start(Kind::Embedded).await;
            let broker = broker.map_err(|error| error.to_string())?;
            (broker.url().to_owned(), Some(broker))
        }
    };

    let (mut right, mut wrong) = (0, 0);
    let telling = stories.iter().map(|story| tell(story, language, &url));
    let mut telling = stream::iter(telling).buffered(AT_ONCE);
    while let Some(told) = telling.next().await {
        let (well, badly) = told?;
        right += well;
        wrong += badly;
    }
    match (right, wrong) {
        (0, 0) => Err("there is no such story, or it is not told in that language".into()),
        (_, 0) => {
            println!("{right} runs, all as expected");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            println!("WRONG: {wrong} of {} runs", right + wrong);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The folders that have something to compare with.
fn stories(examples: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut stories = Vec::new();
    for entry in fs::read_dir(examples)? {
        let folder = entry?.path();
        if ["expected.txt", "mixed.txt"]
            .iter()
            .any(|file| folder.join(file).exists())
        {
            stories.push(folder);
        }
    }
    stories.sort();
    Ok(stories)
}

/// Plays a story in one language or in all that it has; how often it went right and wrong.
async fn tell(folder: &Path, only: Option<&str>, url: &str) -> Result<(u32, u32), String> {
    let (mut right, mut wrong) = (0, 0);
    let name = folder.file_name().unwrap_or_default().display().to_string();
    for (language, ending, file) in LANGUAGES {
        let chosen = only.is_none_or(|only| only == language);
        let Ok(text) = fs::read_to_string(folder.join(file)) else {
            continue;
        };
        if !chosen || !(ending.is_empty() || has_programs(folder, ending)) {
            continue;
        }
        let transcript = Transcript::parse(&text)
            .map_err(|line| format!("{name}/{file} cannot be read at: {line}"))?;
        let began = Instant::now();
        let stage = Stage {
            folder,
            ending,
            url,
        };
        let played = play(&transcript, stage).await;
        let verdict = if played.as_expected {
            "as expected"
        } else {
            "WRONG"
        };
        let took = began.elapsed();
        println!(
            "--- {name}, {language}\n{}--- {verdict}, {took:.1?}\n",
            played.shown
        );
        *(if played.as_expected {
            &mut right
        } else {
            &mut wrong
        }) += 1;
    }
    Ok((right, wrong))
}

fn has_programs(folder: &Path, ending: &str) -> bool {
    let Ok(mut entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.any(|entry| {
        entry.is_ok_and(|entry| entry.path().extension().is_some_and(|own| own == ending))
    })
}
