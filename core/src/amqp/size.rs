//! How large a message's header frame is, before lapin writes it.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

/// Type, channel, length and end of a frame; class, weight, size of the body and flags of a header.
const FIXED: usize = 8 + 14;

pub(super) fn header_frame(properties: &BasicProperties) -> usize {
    let texts = [
        properties.content_type(),
        properties.content_encoding(),
        properties.correlation_id(),
        properties.reply_to(),
        properties.expiration(),
        properties.message_id(),
        properties.kind(),
        properties.user_id(),
        properties.app_id(),
        properties.cluster_id(),
    ];
    let texts: usize = texts.into_iter().flatten().map(short).sum();
    let numbers = usize::from(properties.delivery_mode().is_some())
        + usize::from(properties.priority().is_some())
        + properties.timestamp().map_or(0, |_| 8);
    FIXED + texts + numbers + properties.headers().as_ref().map_or(0, table)
}

fn short(text: &ShortString) -> usize {
    1 + text.as_str().len()
}

fn table(table: &FieldTable) -> usize {
    let entries = table.inner().iter();
    4 + entries
        .map(|(key, field)| short(key) + value(field))
        .sum::<usize>()
}

fn value(value: &AMQPValue) -> usize {
    1 + match value {
        AMQPValue::Void => 0,
        AMQPValue::Boolean(_) | AMQPValue::ShortShortInt(_) | AMQPValue::ShortShortUInt(_) => 1,
        AMQPValue::ShortInt(_) | AMQPValue::ShortUInt(_) => 2,
        AMQPValue::LongInt(_) | AMQPValue::LongUInt(_) | AMQPValue::Float(_) => 4,
        AMQPValue::DecimalValue(_) => 5,
        AMQPValue::LongLongInt(_) | AMQPValue::Double(_) | AMQPValue::Timestamp(_) => 8,
        AMQPValue::ShortString(text) => short(text),
        AMQPValue::LongString(text) => 4 + text.as_bytes().len(),
        AMQPValue::ByteArray(bytes) => 4 + bytes.len(),
        AMQPValue::FieldArray(array) => 4 + array.as_slice().iter().map(self::value).sum::<usize>(),
        AMQPValue::FieldTable(fields) => table(fields),
    }
}

#[cfg(test)]
mod tests {
    use lapin::protocol::basic::gen_properties;

    use super::*;

    #[test]
    fn a_frame_is_as_large_as_it_is_written() {
        let mut inner = FieldTable::default();
        inner.insert("n".into(), AMQPValue::LongLongInt(1));
        inner.insert("t".into(), AMQPValue::Timestamp(1));
        inner.insert("f".into(), AMQPValue::Float(1.0));
        inner.insert("void".into(), AMQPValue::Void);
        let mut headers = FieldTable::default();
        let list = vec![
            AMQPValue::Boolean(true),
            AMQPValue::ShortInt(1),
            AMQPValue::FieldTable(inner.clone()),
        ];
        headers.insert("list".into(), AMQPValue::FieldArray(list.into()));
        headers.insert("table".into(), AMQPValue::FieldTable(inner));
        headers.insert("long".into(), AMQPValue::LongString("grün".into()));
        headers.insert("bytes".into(), AMQPValue::ByteArray(vec![1, 2].into()));
        let all = BasicProperties::default()
            .with_content_type("a/b".into())
            .with_message_id("id".into())
            .with_user_id("guest".into())
            .with_priority(3)
            .with_delivery_mode(2)
            .with_timestamp(7)
            .with_headers(headers);
        for properties in [BasicProperties::default(), all] {
            let written = gen_properties(&properties)(Vec::new().into()).unwrap();
            // The flags come with the properties.
            let size = FIXED - 2 + written.write.len();
            assert_eq!(header_frame(&properties), size);
        }
    }
}
