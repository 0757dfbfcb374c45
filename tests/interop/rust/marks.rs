//! The notation of `cases.json` for what JSON cannot say, and the comparison of what was expected with what came.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

/// A value of `cases.json`, written as what it stands for.
#[derive(Clone, Copy)]
pub(crate) struct Marked<'a>(pub(crate) &'a Value);

impl Marked<'_> {
    pub(crate) fn text(self) -> String {
        match self.0 {
            Value::String(text) => text.clone(),
            marked => repeated(marked).expect("a text"),
        }
    }

    /// The form that JSON has for it: bytes are base64.
    pub(crate) fn json(self) -> Vec<u8> {
        leveret::Codec::Json.encode(&self).expect("it has a form")
    }
}

fn mark<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

fn repeated(value: &Value) -> Option<String> {
    let times = value.get("times")?.as_u64()?;
    Some(mark(value, "$repeat")?.repeat(times as usize))
}

impl Serialize for Marked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(digits) = mark(self.0, "$int") {
            return match digits.parse::<u64>() {
                Ok(unsigned) => unsigned.serialize(serializer),
                Err(_) => digits
                    .parse::<i64>()
                    .expect("64 bits")
                    .serialize(serializer),
            };
        }
        if let Some(base64) = mark(self.0, "$bytes") {
            let text = Value::from(base64).to_string().into_bytes().into();
            let bytes: Vec<u8> = leveret::Codec::Json.decode(&text).expect("base64");
            return serializer.serialize_bytes(&bytes);
        }
        if let Some(text) = repeated(self.0) {
            return text.serialize(serializer);
        }
        match self.0 {
            Value::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(&Marked(item))?;
                }
                seq.end()
            }
            Value::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, &Marked(value))?;
                }
                map.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

/// `found` is in the form that JSON has for it. A field without a value may be nil or not there.
pub(crate) fn differs(expected: &Value, found: &Value, at: &str) -> Result<(), String> {
    let wrong = || {
        let found: String = found.to_string().chars().take(200).collect();
        Err(format!("{at}: expected {expected}, found {found}"))
    };
    let when = |good: bool| if good { Ok(()) } else { wrong() };
    if let Some(digits) = mark(expected, "$int") {
        let exact: Result<Value, _> = serde_json::from_str(digits);
        return when(exact.is_ok_and(|exact| exact == *found));
    }
    if let Some(base64) = mark(expected, "$bytes") {
        // A `Vec<u8>` is a list to serde: without an item nothing tells it from any other.
        let empty = base64.is_empty() && *found == Value::Array(Vec::new());
        return when(empty || found.as_str() == Some(base64));
    }
    if let Some(kind) = mark(expected, "$any") {
        return when(kind == "string" && found.is_string());
    }
    if let Some(most) = expected.get("$at_most") {
        return when(found.is_number() && found.as_f64() <= most.as_f64());
    }
    if let Some(text) = repeated(expected) {
        return when(found.as_str() == Some(&*text));
    }
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.keys().chain(found.keys()).try_for_each(|key| {
                let of = |map: &serde_json::Map<_, _>| map.get(key).cloned().unwrap_or_default();
                differs(&of(expected), &of(found), &format!("{at}.{key}"))
            })
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let mut pairs = expected.iter().zip(found).enumerate();
            pairs.try_for_each(|(n, (expected, found))| {
                differs(expected, found, &format!("{at}[{n}]"))
            })
        }
        // 2 is what many languages write for 2.0; integers are compared as such.
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            when(a.as_f64() == b.as_f64())
        }
        _ => when(expected == found),
    }
}
