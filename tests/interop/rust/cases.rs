//! The list of cases, for the Rust caller and for the test that checks that every caller ran all of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

/// One line of `cases.json`; `../README.md` says what the fields mean.
#[allow(dead_code, reason = "the test needs the names alone")]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    #[serde(default = "both")]
    codecs: Vec<String>,
    #[serde(default = "one")]
    servers: usize,
    /// Languages that cannot take part, at either end, each with the reason.
    #[serde(default)]
    not: BTreeMap<String, String>,
    #[serde(default)]
    not_caller: BTreeMap<String, String>,
    /// The one of `codecs` that this is.
    #[serde(skip)]
    pub(crate) codec: String,
    pub(crate) scenario: Option<String>,
    #[serde(default = "interop")]
    pub(crate) service: String,
    #[serde(default)]
    pub(crate) method: String,
    /// The one argument, `value`, and the result.
    #[serde(default, deserialize_with = "given")]
    pub(crate) echo: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) arguments: Option<Value>,
    #[serde(default)]
    pub(crate) options: Options,
    #[serde(default)]
    pub(crate) value: Value,
    pub(crate) error: Option<Map<String, Value>>,
}

#[allow(dead_code, reason = "the test needs the names alone")]
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, Value>,
    pub(crate) trace: Option<BTreeMap<String, String>>,
}

fn both() -> Vec<String> {
    vec!["msgpack".into(), "json".into()]
}

fn one() -> usize {
    1
}

fn interop() -> String {
    "interop".into()
}

/// Tells a nil that is written from a key that is not there.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The cases of a pair of languages, each with one codec and its full name.
pub(crate) fn load(caller: &str, server: &str, servers: usize) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/cases.json");
    let text = fs::read_to_string(&path).expect("cases.json");
    let cases: Vec<Case> = serde_json::from_str(&text).expect("cases.json can be read");
    cases
        .into_iter()
        .filter(|case| case.servers == servers)
        .filter(|case| !case.not.contains_key(caller) && !case.not.contains_key(server))
        .filter(|case| !case.not_caller.contains_key(caller))
        .flat_map(|case| {
            let codecs = case.codecs.clone();
            codecs.into_iter().map(move |codec| Case {
                name: format!("{}, {codec}", case.name),
                codec,
                ..case.clone()
            })
        })
        .collect()
}
