//! Frames that clients send, from a few bytes each.

use amq_protocol::protocol::{
    AMQPClass, access, basic, channel, confirm, connection, exchange, queue, tx,
};
use bytes::{BufMut, BytesMut};

use super::view::View;
use super::words::{BAD_EXCHANGES, BAD_QUEUES, DIRECT, EXCHANGES, KINDS, QUEUES, TAGS};
use super::{Script, frame};
use crate::wire::encode;

impl Script<'_> {
    /// What makes sense often has several numbers.
    pub(super) fn frames(&mut self, action: usize, view: &View<'_>) -> BytesMut {
        let mut bytes = BytesMut::new();
        let channel = self.channel();
        if action > 0 && channel > 0 && !view.has_channel(channel) {
            reopen(&mut bytes, channel, view.must_agree(channel));
        }
        let missing = view.missing(channel);
        if missing > 0 && !action.is_multiple_of(8) {
            frame(&mut bytes, 3, channel, &vec![b'+'; missing]);
        }
        let method = match action {
            0 if self.byte() > 0xe0 => open(),
            0..4 => return self.message(bytes, channel, view),
            4 => self.ending(),
            5..10 => self.queue_declare(view),
            10..13 => self.binding(view),
            13 => self.removal(view),
            14 => self.exchange_binding(view),
            15..18 => self.exchange_declare(),
            18..23 => self.consume(channel, view),
            23 => AMQPClass::Basic(basic::AMQPMethod::Cancel(basic::Cancel {
                consumer_tag: self.of(&TAGS).into(),
                nowait: self.byte() & 1 == 1,
            })),
            24 => AMQPClass::Basic(basic::AMQPMethod::Qos(basic::Qos {
                prefetch_count: self.of(&[1, 2, 0, 3]),
                global: self.byte() & 1 == 1,
            })),
            25..27 => self.mode(channel, view),
            27..29 => self.get(view),
            29..36 => return self.message(bytes, channel, view),
            36 => {
                // The rest is to come, or not.
                let publish = self.publish(view);
                encode::method(&mut bytes, channel, &publish);
                let properties = self.properties(channel, view);
                content_header(
                    &mut bytes,
                    channel,
                    16 * u64::from(self.byte()),
                    &properties,
                );
                return bytes;
            }
            37 if self.byte() > 0xe0 => {
                content_header(&mut bytes, channel, 1, &Default::default());
                return bytes;
            }
            38 if self.byte() > 0xe0 => self.publish(view),
            39..46 => self.settle(channel, view),
            46 if self.byte() > 0xc0 => self.about_connection(),
            47 => {
                frame(&mut bytes, 8, 0, &[]);
                return bytes;
            }
            _ => return self.message(bytes, channel, view),
        };
        encode::method(&mut bytes, channel, &method);
        // Everything goes on channel 0 where the byte says so; what belongs there, always.
        if let AMQPClass::Connection(_) = method {
            bytes[1..3].fill(0);
        }
        bytes
    }

    fn queue(&mut self, view: &View<'_>) -> &'static str {
        let number = self.byte();
        self.mostly(&[view.queue(number)], &BAD_QUEUES)
    }

    fn exchange(&mut self, view: &View<'_>) -> &'static str {
        let number = self.byte();
        self.mostly(&[view.exchange(number)], &BAD_EXCHANGES)
    }

    fn ending(&mut self) -> AMQPClass {
        AMQPClass::Channel(match self.byte() % 8 {
            0..4 => channel::AMQPMethod::Close(channel::Close {
                reply_code: 200,
                reply_text: "".into(),
                class_id: 0,
                method_id: 0,
            }),
            4 | 5 => channel::AMQPMethod::CloseOk(channel::CloseOk {}),
            bit => channel::AMQPMethod::Flow(channel::Flow { active: bit == 6 }),
        })
    }

    fn queue_declare(&mut self, view: &View<'_>) -> AMQPClass {
        let (queue, bits) = (self.mostly(&QUEUES, &BAD_QUEUES), self.byte());
        // Declared again with the next best arguments it would be refused.
        let passive = bits & 0x81 == 0x81 || bits & 0x80 == 0 && view.has_queue(queue);
        AMQPClass::Queue(queue::AMQPMethod::Declare(queue::Declare {
            queue: queue.into(),
            passive,
            durable: bits & 2 == 2,
            exclusive: bits & 0x0c == 0x0c,
            auto_delete: bits & 0x30 == 0x30,
            nowait: bits & 0x40 == 0x40,
            arguments: self.queue_arguments(),
        }))
    }

    fn binding(&mut self, view: &View<'_>) -> AMQPClass {
        let (queue, exchange) = (self.queue(view).into(), self.exchange(view).into());
        let routing_key = self.key(view).into();
        let arguments = self.binding_arguments();
        AMQPClass::Queue(match self.byte() % 4 {
            0 => queue::AMQPMethod::Unbind(queue::Unbind {
                queue,
                exchange,
                routing_key,
                arguments,
            }),
            bits => queue::AMQPMethod::Bind(queue::Bind {
                queue,
                exchange,
                routing_key,
                nowait: bits == 1,
                arguments,
            }),
        })
    }

    fn exchange_binding(&mut self, view: &View<'_>) -> AMQPClass {
        let (destination, source) = (self.exchange(view).into(), self.exchange(view).into());
        let routing_key = self.key(view).into();
        let arguments = self.binding_arguments();
        AMQPClass::Exchange(match self.byte() % 4 {
            0 => exchange::AMQPMethod::Unbind(exchange::Unbind {
                destination,
                source,
                routing_key,
                nowait: false,
                arguments,
            }),
            bits => exchange::AMQPMethod::Bind(exchange::Bind {
                destination,
                source,
                routing_key,
                nowait: bits == 1,
                arguments,
            }),
        })
    }

    fn removal(&mut self, view: &View<'_>) -> AMQPClass {
        let bits = self.byte();
        match bits % 8 {
            0..3 => AMQPClass::Queue(queue::AMQPMethod::Delete(queue::Delete {
                queue: self.queue(view).into(),
                if_unused: bits & 16 == 16,
                if_empty: bits & 32 == 32,
                nowait: bits & 64 == 64,
            })),
            3..5 => AMQPClass::Queue(queue::AMQPMethod::Purge(queue::Purge {
                queue: self.queue(view).into(),
                nowait: bits & 64 == 64,
            })),
            _ => AMQPClass::Exchange(exchange::AMQPMethod::Delete(exchange::Delete {
                exchange: self.exchange(view).into(),
                if_unused: bits & 16 == 16,
                nowait: bits & 64 == 64,
            })),
        }
    }

    fn exchange_declare(&mut self) -> AMQPClass {
        let (exchange, kind) = (
            self.mostly(&EXCHANGES[..3], &BAD_EXCHANGES),
            self.mostly(&KINDS, &["x", ""]),
        );
        let bits = self.byte();
        AMQPClass::Exchange(exchange::AMQPMethod::Declare(exchange::Declare {
            exchange: exchange.into(),
            kind: kind.into(),
            passive: bits & 0x81 == 0x81,
            durable: bits & 2 == 2,
            auto_delete: bits & 4 == 4,
            internal: bits & 0x18 == 0x18,
            nowait: bits & 0x20 == 0x20,
            arguments: self.exchange_arguments(),
        }))
    }

    fn consume(&mut self, channel: u16, view: &View<'_>) -> AMQPClass {
        let (queue, tag, bits) = (self.byte(), self.of(&TAGS), self.byte());
        // One that is taken would end the connection.
        let taken = bits < 0xf0 && view.has_consumer(channel, tag);
        let tag = if taken { "" } else { tag };
        let queue = match queue % 16 {
            15 | 14 => DIRECT,
            0 => self.mostly(&QUEUES, &BAD_QUEUES),
            other => view.queue(other),
        };
        let mut arguments = amq_protocol::types::FieldTable::default();
        if bits & 0x30 == 0x30 {
            let priority = amq_protocol::types::AMQPValue::LongInt(i32::from(bits >> 6));
            arguments.insert("x-priority".into(), priority);
        }
        AMQPClass::Basic(basic::AMQPMethod::Consume(basic::Consume {
            queue: queue.into(),
            consumer_tag: tag.into(),
            no_local: false,
            no_ack: bits & 0xc1 == 1 || queue == DIRECT && bits < 0xf0,
            exclusive: bits & 0x0c == 0x0c,
            nowait: bits & 2 == 2,
            arguments,
        }))
    }

    fn mode(&mut self, channel: u16, view: &View<'_>) -> AMQPClass {
        let number = self.byte();
        // What the channel's mode allows, mostly.
        let number = match (view.modes(channel), number % 8) {
            _ if number >= 0xf0 => number % 8,
            ((true, _), 4 | 5) | ((false, _), 1..4) | ((_, true), 0) => 6,
            (_, other) => other,
        };
        match number {
            0 => AMQPClass::Tx(tx::AMQPMethod::Select(tx::Select {})),
            1 | 2 => AMQPClass::Tx(tx::AMQPMethod::Commit(tx::Commit {})),
            3 => AMQPClass::Tx(tx::AMQPMethod::Rollback(tx::Rollback {})),
            4 | 5 => AMQPClass::Confirm(confirm::AMQPMethod::Select(confirm::Select {
                nowait: false,
            })),
            6 => AMQPClass::Basic(basic::AMQPMethod::Recover(basic::Recover { requeue: true })),
            _ => AMQPClass::Access(access::AMQPMethod::Request(access::Request {
                realm: "".into(),
                exclusive: false,
                passive: false,
                active: false,
                write: false,
                read: false,
            })),
        }
    }

    fn publish(&mut self, view: &View<'_>) -> AMQPClass {
        let number = self.byte();
        // To one queue, or through an exchange.
        let (exchange, routing_key) = match number % 8 {
            0..4 => ("", view.queue(number / 8).to_owned()),
            4 => ("", self.key(view)),
            _ => (view.exchange(number / 8), self.key(view)),
        };
        AMQPClass::Basic(basic::AMQPMethod::Publish(basic::Publish {
            exchange: exchange.into(),
            routing_key: routing_key.into(),
            mandatory: self.byte() & 3 == 3,
            immediate: false,
        }))
    }

    /// All frames of a publish.
    fn message(&mut self, mut bytes: BytesMut, channel: u16, view: &View<'_>) -> BytesMut {
        let publish = self.publish(view);
        encode::method(&mut bytes, channel, &publish);
        let properties = self.properties(channel, view);
        let size = self.byte();
        // Sometimes more than fits into a frame.
        let size = match size {
            0xf8.. => usize::from(size - 0xf0) * 1000,
            _ => usize::from(size % 64),
        };
        content_header(&mut bytes, channel, size as u64, &properties);
        for part in vec![b'*'; size].chunks(4088) {
            frame(&mut bytes, 3, channel, part);
        }
        bytes
    }

    fn get(&mut self, view: &View<'_>) -> AMQPClass {
        AMQPClass::Basic(basic::AMQPMethod::Get(basic::Get {
            queue: self.queue(view).into(),
            no_ack: self.byte() & 3 == 3,
        }))
    }

    fn settle(&mut self, channel: u16, view: &View<'_>) -> AMQPClass {
        let (tag, bits) = (self.byte(), self.byte());
        let multiple = bits & 0x18 == 0x18;
        // Seldom one that is not held.
        let (delivery_tag, multiple) = match (bits & 0xe0, view.tag(channel, tag)) {
            (0xe0, _) => (u64::from(tag % 16), multiple),
            (_, Some(held)) => (held, multiple),
            (_, None) => return self.get(view),
        };
        AMQPClass::Basic(match bits % 4 {
            0 | 1 => basic::AMQPMethod::Ack(basic::Ack {
                delivery_tag,
                multiple,
            }),
            2 => basic::AMQPMethod::Nack(basic::Nack {
                delivery_tag,
                multiple,
                requeue: bits & 4 == 4,
            }),
            _ => basic::AMQPMethod::Reject(basic::Reject {
                delivery_tag,
                requeue: bits & 4 == 4,
            }),
        })
    }

    fn about_connection(&mut self) -> AMQPClass {
        AMQPClass::Connection(match self.byte() % 8 {
            0 => connection::AMQPMethod::Close(connection::Close {
                reply_code: 200,
                reply_text: "".into(),
                class_id: 0,
                method_id: 0,
            }),
            1 => connection::AMQPMethod::CloseOk(connection::CloseOk {}),
            2 => connection::AMQPMethod::TuneOk(connection::TuneOk {
                channel_max: 3,
                frame_max: 4096,
                heartbeat: 0,
            }),
            _ => connection::AMQPMethod::UpdateSecret(connection::UpdateSecret {
                new_secret: "".into(),
                reason: "".into(),
            }),
        })
    }
}

/// Says what a client has to before it can use a channel again.
fn reopen(bytes: &mut BytesMut, channel: u16, agree: bool) {
    if agree {
        let close_ok = channel::AMQPMethod::CloseOk(channel::CloseOk {});
        encode::method(bytes, channel, &AMQPClass::Channel(close_ok));
    }
    encode::method(bytes, channel, &open());
}

fn open() -> AMQPClass {
    AMQPClass::Channel(channel::AMQPMethod::Open(channel::Open {}))
}

fn content_header(
    bytes: &mut BytesMut,
    channel: u16,
    size: u64,
    properties: &basic::AMQPProperties,
) {
    let mut payload = BytesMut::new();
    payload.put_u16(60);
    payload.put_u16(0);
    payload.put_u64(size);
    let written = basic::gen_properties(properties)(Vec::new().into());
    payload.extend_from_slice(&written.expect("written to memory").write);
    frame(bytes, 2, channel, &payload);
}
