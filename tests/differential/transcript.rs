//! The lines of one scenario, without what differs from one run to the next.

use std::cell::RefCell;
use std::rc::Rc;

/// What was said so far. Clones share it: every connection of a scenario writes into the same one.
#[derive(Clone, Debug)]
pub(crate) struct Transcript(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    lines: Vec<String>,
    prefix: String,
    /// Names that the broker made up, by kind, in the order in which they showed up.
    generated: Vec<(&'static str, Vec<String>)>,
}

/// How a generated name begins.
const GENERATED: [&str; 3] = ["amq.gen-", "amq.ctag-", "amq.rabbitmq.reply-to."];

impl Transcript {
    /// `prefix` is what makes the names of this run unique.
    pub(crate) fn new(prefix: &str) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            lines: Vec::new(),
            prefix: prefix.to_owned(),
            generated: GENERATED.map(|kind| (kind, Vec::new())).into(),
        })))
    }

    pub(crate) fn line(&self, line: &str) {
        let mut inner = self.0.borrow_mut();
        let line = inner.normal(line);
        inner.lines.push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.borrow().lines.clone()
    }
}

impl Inner {
    fn normal(&mut self, line: &str) -> String {
        let mut line = line.replace(&self.prefix, "");
        for (kind, known) in &mut self.generated {
            line = number(&line, kind, known);
        }
        line
    }
}

/// Replaces each `KIND…` by `KIND#1` and so on.
fn number(line: &str, kind: &str, known: &mut Vec<String>) -> String {
    let mut parts = line.split(kind);
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| !c.is_ascii_alphanumeric() && !"+/=_-.".contains(c))
            .unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        normal += kind;
        // What a scenario made up itself is short.
        if name.len() < 16 {
            normal += name;
        } else {
            let number = known.iter().position(|each| each == name);
            let number = number.unwrap_or_else(|| {
                known.push(name.to_owned());
                known.len() - 1
            });
            normal += &format!("#{}", number + 1);
        }
        normal += rest;
    }
    normal
}
