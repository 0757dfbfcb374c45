//! What a story's programs are and what they print: how `expected.txt` is read and compared. `examples/README.md` says what
//! may stand in it.

use std::time::Duration;

/// A story from its first program to its last.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) acts: Vec<Act>,
}

/// Programs that start together, and all that they print.
#[derive(Debug)]
pub(crate) struct Act {
    pub(crate) heading: String,
    pub(crate) programs: Vec<Vec<String>>,
    /// They run beside what follows, until Ctrl-C.
    pub(crate) stays: bool,
    pub(crate) lines: Vec<Line>,
    /// How much time there is between the first line and the last, at the least.
    pub(crate) lasts: Duration,
}

/// One line of output.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// It may change places with its neighbours of this kind.
    moves: bool,
}

impl Transcript {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut transcript = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(heading) = line.strip_prefix("$ ") {
                transcript.acts.push(Act::new(heading));
            } else if let Some(variable) = line.strip_prefix("export ") {
                let (name, value) = variable.split_once('=').ok_or(line)?;
                transcript.environment.push((name.into(), value.into()));
            } else {
                let act = transcript.acts.last_mut().ok_or(line)?;
                if let Some(seconds) = line.strip_prefix('@') {
                    act.lasts = Duration::from_secs_f64(seconds.parse().map_err(|_| line)?);
                } else {
                    let moved = line.strip_prefix("? ");
                    act.lines.push(Line {
                        text: moved.unwrap_or(line).to_owned(),
                        moves: moved.is_some() || act.programs.len() > 1,
                    });
                }
            }
        }
        Ok(transcript)
    }
}

impl Act {
    fn new(heading: &str) -> Self {
        let mut programs: Vec<_> = words(heading)
            .split(|word| word == "&")
            .map(<[String]>::to_vec)
            .collect();
        let stays = programs.pop_if(|last| last.is_empty()).is_some();
        Self {
            heading: heading.to_owned(),
            programs,
            stays,
            lines: Vec::new(),
            lasts: Duration::ZERO,
        }
    }

    /// What is wrong with what its programs have printed, each its own list.
    pub(crate) fn complaint(&self, printed: &[Vec<String>], lasted: Duration) -> Option<String> {
        let even_share = self.lines.len() / self.programs.len();
        if !self.fits(&printed.concat()) {
            let expected: Vec<_> = self.lines.iter().map(|line| line.text.as_str()).collect();
            Some(format!("should have printed:\n{}", expected.join("\n")))
        } else if let Some(lazy) = printed.iter().position(|lines| lines.len() < even_share) {
            Some(format!(
                "program {} has had less than {even_share} of them",
                lazy + 1
            ))
        } else if lasted < self.lasts {
            Some(format!(
                "took {lasted:.1?}, which is too fast: at least {:?}",
                self.lasts
            ))
        } else {
            None
        }
    }

    fn fits(&self, printed: &[String]) -> bool {
        let mut printed = printed.iter().map(String::as_str);
        for run in self.lines.chunk_by(|a, b| a.moves && b.moves) {
            let mut expected: Vec<_> = run.iter().map(|line| line.text.as_str()).collect();
            let mut found: Vec<_> = printed.by_ref().take(run.len()).collect();
            expected.sort_unstable();
            found.sort_unstable();
            if expected != found {
                return false;
            }
        }
        printed.next().is_none()
    }
}

/// As a shell sees them, of whose quotes only the double ones are known here.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in line.split('"').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(text: &str) -> Act {
        Transcript::parse(text).unwrap().acts.pop().unwrap()
    }

    fn is_right(act: &Act, printed: &[&[&str]]) -> bool {
        let own = |lines: &&[&str]| lines.iter().map(|&line| line.to_owned()).collect();
        let printed: Vec<_> = printed.iter().map(own).collect();
        act.complaint(&printed, Duration::from_secs(1)).is_none()
    }

    #[test]
    fn commands_are_read_as_a_shell_reads_them() {
        let story =
            Transcript::parse("# why\nexport A=1\n$ worker & worker.py &\n$ push \"a b\" c\n");
        let story = story.unwrap();
        assert_eq!(story.environment, [("A".to_owned(), "1".to_owned())]);
        let [workers, push] = &story.acts[..] else {
            panic!("{story:?}")
        };
        assert!(workers.stays && !push.stays);
        assert_eq!(workers.programs, [["worker"], ["worker.py"]]);
        assert_eq!(push.programs, [["push", "a b", "c"]]);
    }

    #[test]
    fn output_must_be_all_and_in_order() {
        let act = act("$ client\none\ntwo");
        assert!(is_right(&act, &[&["one", "two"]]));
        assert!(!is_right(&act, &[&["two", "one"]]));
        assert!(!is_right(&act, &[&["one"]]));
        assert!(!is_right(&act, &[&["one", "two", "three"]]));
    }

    #[test]
    fn what_moves_moves_among_its_neighbours() {
        let act = act("$ worker &\n? one\n? two\nend\n? three");
        assert!(is_right(&act, &[&["two", "one", "end", "three"]]));
        assert!(!is_right(&act, &[&["two", "three", "end", "one"]]));
        assert!(!is_right(&act, &[&["one", "one", "end", "three"]]));
    }

    #[test]
    fn programs_that_start_together_share_evenly() {
        let act = act("$ worker & worker &\n1\n2\n3\n4\n5");
        assert!(is_right(&act, &[&["2", "4"], &["1", "5", "3"]]));
        assert!(!is_right(&act, &[&["2"], &["1", "4", "5", "3"]]));
        assert!(!is_right(&act, &[&["2", "4"], &["1", "5"]]));
    }

    #[test]
    fn what_is_slow_on_purpose_must_not_be_fast() {
        assert!(is_right(&act("$ worker &\none\n@1"), &[&["one"]]));
        assert!(!is_right(&act("$ worker &\none\n@1.1"), &[&["one"]]));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(Transcript::parse("before any program").is_err());
        assert!(Transcript::parse("export NOTHING").is_err());
        assert!(Transcript::parse("$ program\n@soon").is_err());
    }
}
