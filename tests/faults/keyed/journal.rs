//! What instances wrote down while they were killed, and whether it is what "order by key" promises. The order of the
//! lines is the order in which things happened: each is one write to a file that everybody appends to.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::contract::Step;

pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

/// What a whole run came to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Summary {
    /// Steps that were begun again because whoever had begun them was killed.
    pub(super) again: usize,
    /// Those of them that had been done, with a later one of their key begun after: the broker had not heard of it.
    pub(super) behind: usize,
    /// Steps of a key that went from one living instance to another.
    pub(super) handed_over: usize,
    pub(super) failed: usize,
}

/// The last that is known of a key.
struct Last<'a> {
    n: u32,
    by: &'a str,
    now: Now,
    /// The first step of the key that this instance was given. All before it were acknowledged.
    from: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Now {
    Runs,
    Failed,
    Done,
}

impl Journal {
    pub(super) fn create(folder: &Path) -> Self {
        let path = folder.join("journal");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        Self {
            file: file.expect("a journal"),
            path,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// This instance is about to be killed. Its end comes after this line, and before the broker gives what it had to
    /// anybody else.
    pub(super) fn note_kill(&mut self, instance: usize) {
        let line = format!("kill {instance}\n");
        self.file.write_all(line.as_bytes()).expect("the journal");
    }

    fn read(&self) -> String {
        std::fs::read_to_string(&self.path).expect("the journal")
    }

    /// How many handlers have ended well.
    pub(super) fn done(&self) -> usize {
        let lines = self.read();
        lines.lines().filter(|line| line.starts_with("end")).count()
    }

    /// How many keys have come to the end of so many steps.
    pub(super) fn complete(&self, steps: u32) -> usize {
        let text = self.read();
        let ends = text.lines().filter_map(|line| line.strip_prefix("end "));
        let last = ends.map(parse).filter(|(_, n, _)| n + 1 == steps);
        last.map(|(key, ..)| key).collect::<HashSet<_>>().len()
    }

    /// Checks that of each of these keys all steps were done, one at a time and in order, and that none was begun again
    /// without need.
    pub(super) fn check(&self, keys: u32, steps: u32) -> Summary {
        let text = self.read();
        let summary = check(&text);
        let mut done: HashSet<Step> = HashSet::new();
        for line in text.lines() {
            if let Some((key, n, _)) = line.strip_prefix("end ").map(parse) {
                assert!(n == 0 || done.contains(&(key, n - 1)), "{line}: too early");
                done.insert((key, n));
            }
        }
        let all = (0..keys).flat_map(|key| (0..steps).map(move |n| (key, n)));
        let lost: Vec<_> = all.filter(|step| !done.contains(step)).collect();
        assert_eq!(lost, [], "of {}", keys * steps);
        summary
    }
}

fn parse(words: &str) -> (u32, u32, &str) {
    let mut words = words.split(' ');
    let mut number = || words.next().and_then(|word| word.parse().ok());
    let (key, n) = (number().expect("a key"), number().expect("a number"));
    (key, n, words.next().expect("an instance"))
}

/// Panics at the first line that must not be there.
fn check(text: &str) -> Summary {
    let mut summary = Summary::default();
    let mut killed = HashSet::new();
    let mut keys: HashMap<u32, Last<'_>> = HashMap::new();
    for line in text.lines() {
        let (what, words) = line.split_once(' ').expect("a line");
        if what == "kill" {
            killed.insert(words);
            continue;
        }
        let (key, n, by) = parse(words);
        let last = keys.get_mut(&key);
        let now = match what {
            "start" => {
                let from = match &last {
                    None => begin_first(line, n),
                    Some(last) => begin(line, last, (n, by), &killed, &mut summary),
                };
                let now = Now::Runs;
                keys.insert(key, Last { n, by, now, from });
                continue;
            }
            "end" => Now::Done,
            "fail" => {
                summary.failed += 1;
                Now::Failed
            }
            other => panic!("{other}?"),
        };
        let last = last.expect("it was begun");
        assert!(
            (last.n, last.by) == (n, by) && last.now == Now::Runs,
            "{line}: somebody else was at this key meanwhile"
        );
        last.now = now;
    }
    summary
}

fn begin_first(line: &str, n: u32) -> u32 {
    assert_eq!(n, 0, "{line}: is not the first of its key");
    n
}

/// Checks the begin of a step behind another one, and says what its instance was given first.
fn begin(
    line: &str,
    last: &Last<'_>,
    (n, by): (u32, &str),
    killed: &HashSet<&str>,
    summary: &mut Summary,
) -> u32 {
    // What comes after all that the one before has begun.
    let next = last.n + u32::from(last.now == Now::Done);
    let changed = by != last.by;
    if changed && killed.contains(last.by) {
        // The broker may not have heard of the last ones that were done, but of those before the first it had.
        assert!(
            (last.from..=next).contains(&n),
            "{line}: {last_by} had {from} to {last_n} when it was killed",
            last_by = last.by,
            from = last.from,
            last_n = last.n
        );
        summary.again += usize::from(n <= last.n);
        summary.behind += usize::from(n < last.n);
        return n;
    }
    assert!(last.now != Now::Runs, "{line}: {} is at this key", last.by);
    assert_eq!(n, next, "{line}: out of order, after {}", last.n);
    summary.handed_over += usize::from(changed);
    if changed { n } else { last.from }
}

mod tests {
    use super::{Summary, check};

    fn run(lines: &[&str]) -> Result<Summary, String> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::panic::catch_unwind(|| check(&text)).map_err(|panic| {
            let message = panic.downcast_ref::<String>();
            message.cloned().unwrap_or_default()
        })
    }

    #[test]
    fn what_is_promised_passes() {
        let lines = [
            "start 1 0 a",
            "start 2 0 a",
            "end 2 0 a",
            "fail 1 0 a",
            "start 1 0 a",
            "end 1 0 a",
            "start 1 1 b",
            "end 1 1 b",
            "start 1 2 b",
            "kill b",
            "start 1 1 a",
            "end 1 1 a",
            "start 1 2 a",
            "end 1 2 a",
        ];
        let summary = Summary {
            again: 1,
            behind: 1,
            handed_over: 1,
            failed: 1,
        };
        assert_eq!(run(&lines), Ok(summary));
    }

    #[test]
    fn what_is_not_is_found() {
        for lines in [
            &["start 1 1 a"][..],
            &["start 1 0 a", "start 1 1 a"],
            &["start 1 0 a", "start 1 1 b"],
            &["start 1 0 a", "end 1 0 a", "start 1 2 a"],
            &["start 1 0 a", "end 1 0 a", "start 1 0 b"],
            &["start 1 0 a", "fail 1 0 a", "start 1 1 a"],
            // By somebody who is dead and writes on.
            &["start 1 0 a", "kill a", "start 1 0 b", "end 1 0 a"],
            // Further back than the one that was killed had been given.
            &[
                "start 1 0 a",
                "end 1 0 a",
                "start 1 1 b",
                "end 1 1 b",
                "kill b",
                "start 1 0 c",
            ],
            &["start 1 0 a", "kill a", "start 1 1 b"],
        ] {
            assert!(run(lines).is_err(), "{lines:?}");
        }
    }
}
