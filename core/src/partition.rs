//! Order by key: the partition of a key, the names of what belongs to partitioned queues, and in
//! [`ownership`] the instances' agreement on who consumes which of them. `docs/protocol.md` has the rules,
//! section "Order by key".

mod budget;
mod lanes;
mod ownership;
mod round;
mod set;

pub(crate) use budget::Budget;
pub(crate) use lanes::{InLane, Lanes};
pub(crate) use ownership::{Held, Owner, own};
pub(crate) use set::PartitionSet;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Code, Error, Executed};

/// How many partitions a service has when nobody says so.
pub(crate) const DEFAULT: u16 = 16;
/// Every partition costs the broker two queues, and each instance a look at those that are not its own.
pub(crate) const MOST: u16 = 1024;

/// The partition of a key.
pub(crate) fn of(key: &str, partitions: u16) -> u16 {
    let partition = crc32fast::hash(key.as_bytes()) % u32::from(partitions.max(1));
    u16::try_from(partition).unwrap_or_default()
}

/// The queue of a partition.
pub(crate) fn queue(base: &str, partition: u16) -> String {
    format!("{base}.p{partition}")
}

/// The queue whose exclusive consumer owns a partition.
pub(crate) fn lock(base: &str, partition: u16) -> String {
    format!("{base}.p{partition}.lock")
}

/// The queue that every instance consumes, so that they can be counted.
pub(crate) fn members(base: &str) -> String {
    format!("{base}.members")
}

/// Whether this, behind the name of partitioned queues, makes one of the names above.
pub(crate) fn is_suffix(suffix: &str) -> bool {
    let partition = suffix.strip_prefix(".p");
    let number = partition.map(|rest| {
        let mut beside = [".lock", ".marks"].into_iter();
        let number = beside.find_map(|what| rest.strip_suffix(what));
        number.unwrap_or(rest)
    });
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    suffix == ".members" || number.is_some_and(is_number)
}

/// The text of a key: strings as they are, integers in decimal, `true` and `false`.
pub(crate) fn text<T: Serialize + ?Sized>(key: &T) -> Result<String, Error> {
    let refused = || {
        Error::new(
            Code::InvalidArgument,
            "this value cannot be a key: a key is a string, an integer, a boolean or a UUID",
        )
        .with_executed(Executed::No)
    };
    match serde_json::to_value(key) {
        Ok(Value::String(text)) => Ok(text),
        Ok(Value::Bool(flag)) => Ok(flag.to_string()),
        Ok(Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        Ok(_) => Err(refused()),
        Err(error) => Err(refused().with_source(error)),
    }
}

/// Refuses a number of partitions that nobody can serve.
pub(crate) fn check(partitions: u16) -> Result<u16, Error> {
    if (1..=MOST).contains(&partitions) {
        return Ok(partitions);
    }
    Err(Error::new(
        Code::InvalidArgument,
        format!("{partitions} partitions cannot be: there are 1 to {MOST}"),
    )
    .with_executed(Executed::No))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[test]
    fn a_key_has_the_partition_that_the_golden_file_says() {
        #[derive(Deserialize)]
        struct Vector {
            name: String,
            key: String,
            partitions: u16,
            partition: u16,
        }

        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/wire/partitions.json");
        let text = std::fs::read_to_string(file).expect("the golden file");
        let vectors: Vec<Vector> = serde_json::from_str(&text).expect("vectors");
        assert!(!vectors.is_empty());
        for vector in vectors {
            let found = of(&vector.key, vector.partitions);
            assert_eq!(found, vector.partition, "{}", vector.name);
        }
    }

    #[test]
    fn names_of_partitions_are_recognized() {
        for suffix in [".p0", ".p1023", ".p7.lock", ".p7.marks", ".members"] {
            assert!(is_suffix(suffix), "{suffix}");
        }
        for other in [
            "",
            ".p",
            ".px",
            ".p7.lock.lock",
            ".p7.marks.lock",
            ".marks",
            ".lock",
            ".dead",
            "2",
            ".members2",
        ] {
            assert!(!is_suffix(other), "{other}");
        }
    }

    #[test]
    fn a_key_is_the_text_of_a_scalar() {
        #[derive(Serialize)]
        struct Item(String);
        #[derive(Serialize)]
        struct Number(u64);

        for (key, expected) in [
            (text("carrot"), "carrot"),
            (text(""), ""),
            (text(&Item("7".into())), "7"),
            (text(&Number(u64::MAX)), "18446744073709551615"),
            (text(&i64::MIN), "-9223372036854775808"),
            (text(&7_u8), "7"),
            (text(&true), "true"),
            (text(&'c'), "c"),
            (text(&Some("some")), "some"),
        ] {
            assert_eq!(key.unwrap(), expected);
        }
    }

    #[test]
    fn anything_else_is_no_key() {
        for key in [
            text(&1.0),
            text(&f64::NAN),
            text(&()),
            text(&None::<u8>),
            text(&[1, 2]),
            text(&("a", 1)),
            text(&std::collections::BTreeMap::from([("a", 1)])),
            text(&i128::MAX),
        ] {
            let error = key.unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument);
            assert_eq!(error.executed(), Executed::No);
        }
    }

    #[test]
    fn partitions_are_1_to_1024() {
        assert_eq!(check(1).unwrap(), 1);
        assert_eq!(check(MOST).unwrap(), MOST);
        for wrong in [0, MOST + 1, u16::MAX] {
            assert_eq!(check(wrong).unwrap_err().code(), Code::InvalidArgument);
        }
    }
}
