//! The property `expiration`: a string, in which RabbitMQ wants the milliseconds.

use std::time::Duration;

use super::LONGEST;
use crate::erlang;
use crate::error::Refusal;

/// The time to live in the property `expiration` of a message.
///
/// # Errors
///
/// 406 if it is no number of milliseconds.
pub(crate) fn expiration(text: &str) -> Result<Duration, Refusal> {
    let before = format!("invalid expiration '{text}': ");
    let invalid = |why: &str| Refusal::precondition_failed(format!("{before}{why}"));
    let pair = |atom: &str, value: &str| invalid(&erlang::pair(&before, atom, value));
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|character: char| !character.is_ascii_digit());
    let (digits, rest) = unsigned.split_at(end.unwrap_or(unsigned.len()));
    if digits.is_empty() {
        return Err(invalid("no_integer"));
    }
    if !rest.is_empty() {
        return Err(pair("leftover_string", &erlang::text(rest)));
    }
    let digits = match digits.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    if negative && digits != "0" {
        return Err(pair("value_negative", &format!("-{digits}")));
    }
    match digits.parse() {
        Ok(milliseconds) if milliseconds <= LONGEST.unsigned_abs() => {
            Ok(Duration::from_millis(milliseconds))
        }
        _ => Err(pair("value_too_large", digits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expirations_are_whole_numbers_of_milliseconds() {
        for (written, milliseconds) in [
            ("0", 0),
            ("-0", 0),
            ("+5", 5),
            ("007", 7),
            ("315360000000", 315_360_000_000),
        ] {
            assert_eq!(
                expiration(written).unwrap(),
                Duration::from_millis(milliseconds)
            );
        }
        for (written, why) in [
            ("", "no_integer"),
            ("abc", "no_integer"),
            (" 5", "no_integer"),
            ("-", "no_integer"),
            ("--5", "no_integer"),
            ("\u{fc}", "no_integer"),
            ("1.5", r#"{leftover_string,".5"}"#),
            ("5 ", r#"{leftover_string," "}"#),
            ("5\"x", r#"{leftover_string,"\"x"}"#),
            ("5\n", r#"{leftover_string,"\n"}"#),
            ("-1", "{value_negative,-1}"),
            ("-01", "{value_negative,-1}"),
            ("315360000001", "{value_too_large,315360000001}"),
            (
                "99999999999999999999",
                "{value_too_large,\n                                            99999999999999999999}",
            ),
        ] {
            assert_eq!(
                expiration(written).unwrap_err().text,
                format!("PRECONDITION_FAILED - invalid expiration '{written}': {why}")
            );
        }
    }
}
