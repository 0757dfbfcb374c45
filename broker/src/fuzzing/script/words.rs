//! The names, keys, arguments and properties that steps are made of.

use amq_protocol::protocol::basic::AMQPProperties;
use amq_protocol::types::{AMQPValue, FieldArray, FieldTable};

use super::Script;
use super::view::View;

pub(super) const QUEUES: [&str; 4] = ["q1", "q2", "q3", "q4"];
pub(super) const BAD_QUEUES: [&str; 4] = ["", "amq.x", "q\n4", "none"];
pub(super) const EXCHANGES: [&str; 6] =
    ["e1", "e2", "e3", "amq.direct", "amq.topic", "amq.headers"];
pub(super) const BAD_EXCHANGES: [&str; 3] = ["", "none", "amq.y"];
pub(super) const KINDS: [&str; 4] = ["direct", "fanout", "topic", "headers"];
pub(super) const TAGS: [&str; 4] = ["c1", "c2", "c3", ""];
pub(super) const DIRECT: &str = "amq.rabbitmq.reply-to";
pub(super) const KEYS: [&str; 12] = [
    "q1", "q2", "q3", "a", "a.b", "a.b.c", "#", "*.b", "a.#", "", "#.#.c", DIRECT,
];

impl Script<'_> {
    pub(super) fn queue_arguments(&mut self) -> FieldTable {
        let mut arguments = FieldTable::default();
        // Most queues are plain.
        let chosen = self.byte();
        if chosen < 96 {
            return arguments;
        }
        for _ in 0..=chosen % 3 {
            let small = |value: u8| AMQPValue::LongInt(i32::from(value));
            let (name, value) = match self.byte() % 14 {
                0 => ("x-message-ttl", small(self.of(&[0, 1, 10, 200]))),
                1 => ("x-expires", small(self.mostly(&[1, 10, 200], &[0]))),
                2 | 3 => ("x-max-length", small(self.byte() % 4)),
                4 => ("x-max-length-bytes", small(self.byte())),
                5 => {
                    let how = self.mostly(
                        &["drop-head", "reject-publish", "reject-publish-dlx"],
                        &["?"],
                    );
                    ("x-overflow", AMQPValue::LongString(how.into()))
                }
                6 | 7 => {
                    let exchange = self.mostly(&["", "", "e1", "e2"], &BAD_EXCHANGES);
                    let value = AMQPValue::LongString(exchange.into());
                    ("x-dead-letter-exchange", value)
                }
                8 => {
                    let key = self.of(&KEYS);
                    let value = AMQPValue::LongString(key.into());
                    ("x-dead-letter-routing-key", value)
                }
                9 => ("x-max-priority", small(self.byte() % 6)),
                10 => ("x-single-active-consumer", AMQPValue::Boolean(true)),
                11 => {
                    let kind = self.mostly(&["quorum", "classic"], &["stream"]);
                    ("x-queue-type", AMQPValue::LongString(kind.into()))
                }
                12 => ("x-delivery-limit", small(self.byte() % 3)),
                _ => ("x-something", small(1)),
            };
            arguments.insert(name.into(), value);
        }
        arguments
    }

    pub(super) fn binding_arguments(&mut self) -> FieldTable {
        let mut arguments = FieldTable::default();
        let chosen = self.byte();
        if chosen & 1 == 1 {
            let how = self.mostly(&["all", "any", "all-with-x", "any-with-x"], &["?"]);
            arguments.insert("x-match".into(), AMQPValue::LongString(how.into()));
        }
        if chosen & 2 == 2 {
            arguments.insert("h".into(), AMQPValue::LongInt(i32::from(chosen & 4)));
        }
        arguments
    }

    pub(super) fn exchange_arguments(&mut self) -> FieldTable {
        let mut arguments = FieldTable::default();
        let chosen = self.byte();
        if chosen & 3 == 3 {
            let to = AMQPValue::LongString(self.of(&EXCHANGES).into());
            arguments.insert("alternate-exchange".into(), to);
        }
        arguments
    }

    pub(super) fn properties(&mut self, channel: u16, view: &View<'_>) -> AMQPProperties {
        let mut properties = AMQPProperties::default();
        let chosen = self.byte();
        if chosen & 1 == 1 {
            properties = properties.with_delivery_mode(self.mostly(&[1, 2], &[3]));
        }
        if chosen & 2 == 2 {
            properties =
                properties.with_expiration(self.mostly(&["0", "1", "15", "5000"], &["x"]).into());
        }
        if chosen & 4 == 4 {
            properties = properties.with_priority(self.byte() % 8);
        }
        if chosen & 8 == 8 {
            let to = self.mostly(&[view.reply_to(channel)], &[DIRECT]);
            properties = properties.with_reply_to(to.into());
        }
        if chosen & 16 == 16 {
            properties = properties.with_headers(self.headers(view));
        }
        if chosen & 0xe0 == 0xe0 {
            properties = properties.with_user_id(self.mostly(&["guest"], &["ann"]).into());
        }
        properties
    }

    fn headers(&mut self, view: &View<'_>) -> FieldTable {
        let mut headers = FieldTable::default();
        let chosen = self.byte();
        for (bit, name) in [(1, "CC"), (2, "BCC")] {
            if chosen & bit == bit {
                let keys = [self.key(view), self.key(view)];
                let keys = keys.map(|key| AMQPValue::LongString(key.into()));
                let keys = AMQPValue::FieldArray(FieldArray::from(keys.to_vec()));
                headers.insert(name.into(), keys);
            }
        }
        if chosen & 4 == 4 {
            headers.insert("h".into(), AMQPValue::LongInt(i32::from(chosen & 8)));
        }
        if chosen & 0x30 == 0x30 {
            let death = match chosen >> 6 {
                0 => AMQPValue::Void,
                1 => AMQPValue::FieldArray(vec![AMQPValue::Boolean(true)].into()),
                2 => AMQPValue::FieldArray(vec![self.death(), self.death()].into()),
                _ => self.death(),
            };
            headers.insert("x-death".into(), death);
        }
        headers
    }

    /// As if it had been dead-lettered before.
    fn death(&mut self) -> AMQPValue {
        let mut death = FieldTable::default();
        let queue = AMQPValue::LongString(self.of(&QUEUES).into());
        death.insert("queue".into(), queue);
        let reason = self.of(&["expired", "rejected", "maxlen", "?"]);
        death.insert("reason".into(), AMQPValue::LongString(reason.into()));
        if self.byte() & 1 == 1 {
            death.insert("count".into(), AMQPValue::LongLongInt(i64::MAX));
        }
        AMQPValue::FieldTable(death)
    }
}
