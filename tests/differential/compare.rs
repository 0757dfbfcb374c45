//! Plays a scenario on both brokers and compares what they said.

use std::path::Path;

use crate::known;
use crate::render::SILENCE;
use crate::stage::Stage;

/// A scenario with its name, e.g. `queues.passive_missing`.
pub(crate) struct Scenario {
    pub(crate) theme: &'static str,
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Stage),
}

/// Where transcripts are written: `reference/THEME.SCENARIO.txt` and, if there is a second broker, `subject/…`.
const DUMP: &str = "LEVERET_DIFF_DUMP";

impl Scenario {
    fn title(&self) -> String {
        let theme = self.theme.rsplit("::").next().unwrap_or_default();
        format!("{theme}.{}", self.name)
    }

    /// Fails unless both brokers said the same, but for the differences that are known.
    pub(crate) fn compare(&self) {
        let title = self.title();
        let reference = Stage::play(&crate::reference(), self.run);
        self.dump("reference", &reference);
        assert!(
            !reference.iter().any(|line| line.contains(SILENCE)),
            "the scenario waits for what RabbitMQ does not send:\n{}",
            reference.join("\n")
        );
        let subject = Stage::play(&crate::subject(), self.run);
        self.dump("subject", &subject);
        let (left, right) = (
            known::without(&title, &reference),
            known::without(&title, &subject),
        );
        assert!(
            left == right,
            "{title}: - is the reference, + the broker under test\n{}",
            diff(&left, &right)
        );
    }

    fn dump(&self, broker: &str, lines: &[String]) {
        let Some(folder) = std::env::var_os(DUMP) else {
            return;
        };
        let folder = Path::new(&folder).join(broker);
        std::fs::create_dir_all(&folder).expect("a folder for transcripts");
        let file = folder.join(format!("{}.txt", self.title()));
        std::fs::write(file, lines.join("\n") + "\n").expect("a transcript written");
    }
}

/// All lines, marked ` `, `-` or `+`: the longest common subsequence stays.
fn diff(left: &[String], right: &[String]) -> String {
    let mut lengths = vec![vec![0_usize; right.len() + 1]; left.len() + 1];
    for (i, l) in left.iter().enumerate().rev() {
        for (j, r) in right.iter().enumerate().rev() {
            lengths[i][j] = if l == r {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < left.len() || j < right.len() {
        if i < left.len() && j < right.len() && left[i] == right[j] {
            lines.push(format!("  {}", left[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < left.len() && (j == right.len() || lengths[i + 1][j] >= lengths[i][j + 1]) {
            lines.push(format!("- {}", left[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", right[j]));
            j += 1;
        }
    }
    lines.join("\n")
}

/// One test for each scenario of a theme.
macro_rules! scenarios {
    ($($name:ident)*) => {
        mod compared {
            $(#[test]
            fn $name() {
                $crate::compare::Scenario {
                    theme: module_path!().trim_end_matches("::compared"),
                    name: stringify!($name),
                    run: super::$name,
                }
                .compare();
            })*
        }
    };
}
pub(crate) use scenarios;
