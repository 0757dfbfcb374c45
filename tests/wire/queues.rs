//! Tasks and events on the wire: what the library publishes and declares is what the golden files say.

mod sent;
mod worked;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use leveret::{Connection, Events, QueueOptions, TaskQueue};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::same;
use crate::travel::{Message, Place};

#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(flatten)]
    content: T,
}

fn load<T: DeserializeOwned>(file: &str) -> Vec<Named<T>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("wire")
        .join(file);
    let messages: Vec<_> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(!messages.is_empty());
    messages
}

/// Gathers what is wrong, so that one run tells all.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn note(&mut self, name: &str, found: Result<(), String>) {
        self.0
            .extend(found.err().map(|error| format!("{name}: {error}")));
    }

    fn report(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

fn compare(
    found: Message,
    expected: &Message,
    varies: &BTreeMap<String, String>,
) -> Result<(), String> {
    same("published", &found.settle(expected, varies)?, expected)
}

async fn connect(place: &Place, namespace: &str) -> Connection {
    let builder = Connection::builder(&place.url).namespace(namespace);
    builder.connect().await.unwrap()
}

fn queue<T>(name: &str, quorum: bool) -> TaskQueue<T> {
    TaskQueue::new(name).options(if quorum {
        QueueOptions::quorum()
    } else {
        QueueOptions::classic()
    })
}

fn events<T>(kind: &str, name: &str) -> Events<T> {
    match kind {
        "fanout" => Events::fanout(name),
        "direct" => Events::direct(name),
        "topic" => Events::topic(name),
        "headers" => Events::headers(name),
        other => panic!("{other}"),
    }
}
