//! Values and bytes as RabbitMQ prints them into its errors: as Erlang terms, by `~p` and `~w`.

use std::fmt::Write;

use amq_protocol::types::AMQPValue;

/// The name that RabbitMQ has for the type of a value.
pub(crate) fn type_name(value: &AMQPValue) -> &'static str {
    match value {
        AMQPValue::Boolean(_) => "bool",
        AMQPValue::ShortShortInt(_) => "byte",
        AMQPValue::ShortShortUInt(_) => "unsignedbyte",
        AMQPValue::ShortInt(_) => "short",
        AMQPValue::ShortUInt(_) => "unsignedshort",
        AMQPValue::LongInt(_) => "signedint",
        AMQPValue::LongUInt(_) => "unsignedint",
        AMQPValue::LongLongInt(_) => "long",
        AMQPValue::Float(_) => "float",
        AMQPValue::Double(_) => "double",
        AMQPValue::DecimalValue(_) => "decimal",
        AMQPValue::ShortString(_) | AMQPValue::LongString(_) => "longstr",
        AMQPValue::FieldArray(_) => "array",
        AMQPValue::Timestamp(_) => "timestamp",
        AMQPValue::FieldTable(_) => "table",
        AMQPValue::ByteArray(_) => "binary",
        AMQPValue::Void => "void",
    }
}

/// What is a number of any width; a point in time is one too, to those who do not ask for the type.
pub(crate) fn number(value: &AMQPValue) -> Option<i128> {
    Some(match value {
        AMQPValue::Timestamp(value) => i128::from(*value),
        _ => i128::from(integer(value)?),
    })
}

/// What RabbitMQ takes for an integer in arguments.
pub(crate) fn integer(value: &AMQPValue) -> Option<i64> {
    Some(match value {
        AMQPValue::ShortShortInt(value) => i64::from(*value),
        AMQPValue::ShortShortUInt(value) => i64::from(*value),
        AMQPValue::ShortInt(value) => i64::from(*value),
        AMQPValue::ShortUInt(value) => i64::from(*value),
        AMQPValue::LongInt(value) => i64::from(*value),
        AMQPValue::LongUInt(value) => i64::from(*value),
        AMQPValue::LongLongInt(value) => *value,
        _ => return None,
    })
}

pub(crate) fn float(value: &AMQPValue) -> Option<f64> {
    match value {
        AMQPValue::Float(value) => Some(f64::from(*value)),
        AMQPValue::Double(value) => Some(*value),
        _ => None,
    }
}

/// The bytes of a string of either type.
pub(crate) fn bytes(value: &AMQPValue) -> Option<&[u8]> {
    match value {
        AMQPValue::ShortString(value) => Some(value.as_str().as_bytes()),
        AMQPValue::LongString(value) => Some(value.as_bytes()),
        AMQPValue::ByteArray(value) => Some(value.as_slice()),
        _ => None,
    }
}

/// A value as `~p` prints it.
pub(crate) fn term(value: &AMQPValue) -> String {
    let mut out = String::new();
    put_term(&mut out, value);
    out
}

/// A list of characters as `~p` prints it; what RabbitMQ has as a string is a list of its bytes.
pub(crate) fn text(text: &str) -> String {
    if text.is_empty() {
        return "[]".to_owned();
    }
    if printable(text.as_bytes()) {
        return quoted(text);
    }
    listed("[", text.as_bytes(), "]")
}

/// A pair as `~p` prints it behind `before`: on two lines where it would reach the 80th column.
pub(crate) fn pair(before: &str, atom: &str, value: &str) -> String {
    const COLUMNS: usize = 80;
    let column = before.chars().count();
    let flat = format!("{{{atom},{value}}}");
    if column + flat.chars().count() < COLUMNS {
        return flat;
    }
    format!("{{{atom},\n{:column$} {value}}}", "")
}

fn put_term(out: &mut String, value: &AMQPValue) {
    match value {
        AMQPValue::Boolean(value) => put(out, value),
        AMQPValue::DecimalValue(value) => {
            put(out, format_args!("{{{},{}}}", value.scale, value.value));
        }
        AMQPValue::FieldArray(values) => {
            out.push('[');
            for (index, value) in values.as_slice().iter().enumerate() {
                put(out, if index == 0 { "{" } else { ",{" });
                put(out, format_args!("{},", type_name(value)));
                put_term(out, value);
                out.push('}');
            }
            out.push(']');
        }
        AMQPValue::FieldTable(table) => {
            out.push('[');
            for (index, (key, value)) in table.into_iter().enumerate() {
                put(out, if index == 0 { "{" } else { ",{" });
                put_binary(out, key.as_str().as_bytes());
                put(out, format_args!(",{},", type_name(value)));
                put_term(out, value);
                out.push('}');
            }
            out.push(']');
        }
        AMQPValue::Void => out.push_str("undefined"),
        _ => {
            if let Some(number) = number(value) {
                put(out, number);
            } else if let Some(float) = float(value) {
                put_float(out, float);
            } else if let Some(bytes) = bytes(value) {
                put_binary(out, bytes);
            }
        }
    }
}

fn put(out: &mut String, value: impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = write!(out, "{value}");
}

/// With the fewest digits that say it, and with an exponent where that is shorter.
fn put_float(out: &mut String, value: f64) {
    let scientific = format!("{:e}", value.abs());
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return put(out, scientific);
    };
    let digits = mantissa.replace('.', "");
    let written = format!("{digits}e{exponent}").len() + if digits.len() == 1 { 2 } else { 1 };
    let cost = written - digits.len();
    if value.is_sign_negative() {
        out.push('-');
    }
    // How many digits are in front of the point.
    let place = exponent.parse::<i32>().unwrap_or(0) + 1;
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = if place < 0 { -place } else { place - length };
    let zeros = usize::try_from(zeros).unwrap_or(0);
    if (place < 0 || place >= length) && zeros + 2 > cost {
        let (first, rest) = digits.split_at(1);
        let rest = if rest.is_empty() { "0" } else { rest };
        return put(out, format_args!("{first}.{rest}e{exponent}"));
    }
    match usize::try_from(place) {
        Err(_) | Ok(0) => put(out, format_args!("0.{}{digits}", "0".repeat(zeros))),
        Ok(place) if place < digits.len() => {
            let (whole, rest) = digits.split_at(place);
            put(out, format_args!("{whole}.{rest}"));
        }
        Ok(_) => put(out, format_args!("{digits}{}.0", "0".repeat(zeros))),
    }
}

fn put_binary(out: &mut String, bytes: &[u8]) {
    out.push_str(&binary(bytes));
}

/// A binary as `~p` prints it: a string where every byte is printable Latin-1.
pub(crate) fn binary(bytes: &[u8]) -> String {
    if bytes.is_empty() || !printable(bytes) {
        return numbers(bytes);
    }
    // Erlang writes the bytes as they are, which is UTF-8 where they were.
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("<<{}>>", quoted(text)),
        Err(_) => {
            let text: String = bytes.iter().copied().map(char::from).collect();
            format!("<<{}>>", quoted(&text))
        }
    }
}

/// A binary as `~w` prints it: every byte as a number.
pub(crate) fn numbers(bytes: &[u8]) -> String {
    listed("<<", bytes, ">>")
}

fn listed(open: &str, bytes: &[u8], close: &str) -> String {
    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
    format!("{open}{}{close}", numbers.join(","))
}

/// Whether all bytes are characters of Latin-1 to look at, which the bytes of many characters in UTF-8 are.
fn printable(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| matches!(byte, 8..=13 | 27 | 32..=126 | 160..))
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
