//! Erlang's way to print bytes, since RabbitMQ's texts about broken frames contain it.

use std::fmt::Write;

/// As `~w` prints a binary: every byte as a number.
pub(crate) fn numbers(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(4 + bytes.len() * 4);
    text.push_str("<<");
    for (at, byte) in bytes.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{byte}");
    }
    text.push_str(">>");
    text
}

/// As `~p` prints a binary: a string where every byte is printable Latin-1.
pub(crate) fn pretty(bytes: &[u8]) -> String {
    let printable = |byte: &u8| matches!(byte, 8..=13 | 27 | 32..=126 | 160..);
    if bytes.is_empty() || !bytes.iter().all(printable) {
        return numbers(bytes);
    }
    let mut text = String::from("<<\"");
    // Erlang writes the bytes as they are, which is UTF-8 where they were.
    let characters = match std::str::from_utf8(bytes) {
        Ok(characters) => characters.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    for character in characters.chars() {
        let ascii = u8::try_from(character).unwrap_or(u8::MAX);
        match ascii {
            8 => text.push_str("\\b"),
            9 => text.push_str("\\t"),
            10 => text.push_str("\\n"),
            11 => text.push_str("\\v"),
            12 => text.push_str("\\f"),
            13 => text.push_str("\\r"),
            27 => text.push_str("\\e"),
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            _ => text.push(character),
        }
    }
    text.push_str("\">>");
    text
}

/// As `~p` goes on after `before` with a tuple of an atom and a number: on a new line where 80 columns are full.
pub(crate) fn pair(before: &str, atom: &str, number: u8) -> String {
    const COLUMNS: usize = 80;
    let flat = format!("{{{atom},{number}}}");
    let column = before.chars().count();
    if column + flat.len() < COLUMNS {
        return flat;
    }
    format!("{{{atom},\n{:column$} {number}}}", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_erlang_does() {
        assert_eq!(numbers(b"ab"), "<<97,98>>");
        assert_eq!(pretty(b""), "<<>>");
        assert_eq!(pretty(b"ab\"\\\n"), r#"<<"ab\"\\\n">>"#);
        assert_eq!(pretty(&[0, 1, 200]), "<<0,1,200>>");
        assert_eq!(pretty(&[200]), "<<\"\u{c8}\">>");
        assert_eq!(pretty("é".as_bytes()), "<<\"é\">>");
    }

    #[test]
    fn breaks_a_tuple_at_eighty_columns() {
        let column = |n| "x".repeat(n);
        assert_eq!(
            pair(&column(51), "invalid_frame_end_marker", 0),
            "{invalid_frame_end_marker,0}"
        );
        let broken = format!("{{invalid_frame_end_marker,\n{}0}}", " ".repeat(53));
        assert_eq!(pair(&column(52), "invalid_frame_end_marker", 0), broken);
    }
}
