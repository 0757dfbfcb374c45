//! Names on the wire and times in attributes: the text forms that people write.

use std::time::Duration;

use proc_macro2::Ident;
use syn::LitStr;
use syn::ext::IdentExt;

use crate::errors::Errors;

/// The name of a Rust item on the wire, unless it is given another.
pub(crate) fn plain(ident: &Ident) -> LitStr {
    LitStr::new(&ident.unraw().to_string(), ident.span())
}

/// `HttpGateway` and `HTTPGateway` become `http_gateway`.
pub(crate) fn snake_case(ident: &Ident) -> LitStr {
    let name = ident.unraw().to_string();
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, &c) in chars.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| chars[before]);
        let after = chars.get(index + 1);
        let starts_word = match before {
            None | Some('_') => false,
            Some(before) if before.is_uppercase() => after.is_some_and(|c| c.is_lowercase()),
            Some(_) => true,
        };
        if c.is_uppercase() && starts_word {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    LitStr::new(&snake, ident.span())
}

/// Refuses what cannot be the name of a service, a method or a domain error.
pub(crate) fn check(what: &str, name: &LitStr, errors: &mut Errors) {
    let text = name.value();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if text.is_empty() || text.len() > 100 || !text.bytes().all(allowed) {
        errors.push(
            name,
            format!(
                "{text:?} cannot be the name of {what}: give it 1 to 100 of A-Z a-z 0-9 _ . - \
                 with `name = \"..\"`"
            ),
        );
    } else if text.starts_with("amq.") || text.starts_with("leveret.") {
        errors.push(
            name,
            format!(
                "{text:?} cannot be the name of {what}: `amq.` and `leveret.` are reserved, choose \
                 another name"
            ),
        );
    }
}

/// Refuses what cannot be the name of a queue.
pub(crate) fn check_queue(name: &LitStr, errors: &mut Errors) {
    let text = name.value();
    if text.is_empty() || text.len() > 255 {
        errors.push(name, "the name of a queue has 1 to 255 bytes");
    } else if text.starts_with("amq.") || text.starts_with("leveret.") {
        errors.push(
            name,
            format!("queue {text:?} is not ours: `amq.` and `leveret.` are reserved, choose another name"),
        );
    }
}

/// `250ms`, `30s`, `5m`, `1h`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    let total = number.checked_mul(millis).filter(|&total| total > 0)?;
    Some(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    #[test]
    fn services_are_named_in_snake_case() {
        for (rust, wire) in [
            ("Math", "math"),
            ("HttpGateway", "http_gateway"),
            ("HTTPGateway", "http_gateway"),
            ("OrdersV2", "orders_v2"),
            ("Flash_Sale", "flash_sale"),
            ("S3", "s3"),
            ("already_snake", "already_snake"),
        ] {
            let ident = Ident::new(rust, Span::call_site());
            assert_eq!(snake_case(&ident).value(), wire, "{rust}");
        }
        let raw = Ident::new_raw("match", Span::call_site());
        assert_eq!(snake_case(&raw).value(), "match");
    }

    #[test]
    fn times_are_whole_numbers_with_a_unit() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Some(Duration::from_secs(300)));
        assert_eq!(duration("1h"), Some(Duration::from_secs(3600)));
        for wrong in [
            "",
            "30",
            "s",
            "0s",
            "-1s",
            "+1s",
            "1.5s",
            "1 s",
            "1d",
            "99999999999999999999h",
        ] {
            assert_eq!(duration(wrong), None, "{wrong:?}");
        }
    }
}
