//! Methods and messages in as few words as a scenario can do with. Options are given as words: `"durable exclusive"`.

use amq_protocol::protocol::{
    AMQPClass, BasicProperties, basic, channel, confirm, connection, exchange, queue, tx,
};
use amq_protocol::types::{AMQPValue, FieldArray, FieldTable};

use crate::frame;

/// Panics at a word that is none of `known`: a scenario with a slip of the pen would test nothing.
fn has(options: &str, known: &[&str], word: &str) -> bool {
    let unknown = options.split_whitespace().find(|o| !known.contains(o));
    assert_eq!(unknown, None, "an unknown option");
    options.split_whitespace().any(|option| option == word)
}

pub(crate) fn none() -> FieldTable {
    FieldTable::default()
}

pub(crate) fn args<const N: usize>(fields: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in fields {
        table.insert(name.into(), value);
    }
    table
}

pub(crate) fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

pub(crate) fn int(value: i32) -> AMQPValue {
    AMQPValue::LongInt(value)
}

pub(crate) fn long(value: i64) -> AMQPValue {
    AMQPValue::LongLongInt(value)
}

pub(crate) fn boolean(value: bool) -> AMQPValue {
    AMQPValue::Boolean(value)
}

pub(crate) fn table(value: FieldTable) -> AMQPValue {
    AMQPValue::FieldTable(value)
}

pub(crate) fn list<const N: usize>(values: [AMQPValue; N]) -> AMQPValue {
    AMQPValue::FieldArray(FieldArray::from(Vec::from(values)))
}

pub(crate) fn channel_open() -> AMQPClass {
    AMQPClass::Channel(channel::AMQPMethod::Open(channel::Open {}))
}

pub(crate) fn channel_close(code: u16, text: &str) -> AMQPClass {
    AMQPClass::Channel(channel::AMQPMethod::Close(channel::Close {
        reply_code: code,
        reply_text: text.into(),
        class_id: 0,
        method_id: 0,
    }))
}

pub(crate) fn channel_close_ok() -> AMQPClass {
    AMQPClass::Channel(channel::AMQPMethod::CloseOk(channel::CloseOk {}))
}

pub(crate) fn flow(active: bool) -> AMQPClass {
    AMQPClass::Channel(channel::AMQPMethod::Flow(channel::Flow { active }))
}

pub(crate) fn flow_ok(active: bool) -> AMQPClass {
    AMQPClass::Channel(channel::AMQPMethod::FlowOk(channel::FlowOk { active }))
}

pub(crate) fn connection_close(code: u16, text: &str) -> AMQPClass {
    AMQPClass::Connection(connection::AMQPMethod::Close(connection::Close {
        reply_code: code,
        reply_text: text.into(),
        class_id: 0,
        method_id: 0,
    }))
}

pub(crate) fn connection_close_ok() -> AMQPClass {
    AMQPClass::Connection(connection::AMQPMethod::CloseOk(connection::CloseOk {}))
}

pub(crate) fn start_ok(mechanism: &str, response: &[u8], properties: FieldTable) -> AMQPClass {
    AMQPClass::Connection(connection::AMQPMethod::StartOk(connection::StartOk {
        client_properties: properties,
        mechanism: mechanism.into(),
        response: response.into(),
        locale: "en_US".into(),
    }))
}

pub(crate) fn tune_ok(channel_max: u16, frame_max: u32, heartbeat: u16) -> AMQPClass {
    AMQPClass::Connection(connection::AMQPMethod::TuneOk(connection::TuneOk {
        channel_max,
        frame_max,
        heartbeat,
    }))
}

pub(crate) fn connection_open(vhost: &str) -> AMQPClass {
    AMQPClass::Connection(connection::AMQPMethod::Open(connection::Open {
        virtual_host: vhost.into(),
    }))
}

pub(crate) fn declare(queue: &str, options: &str, arguments: FieldTable) -> AMQPClass {
    let is = |word| {
        let known = ["passive", "durable", "exclusive", "auto_delete", "nowait"];
        has(options, &known, word)
    };
    AMQPClass::Queue(queue::AMQPMethod::Declare(queue::Declare {
        queue: queue.into(),
        passive: is("passive"),
        durable: is("durable"),
        exclusive: is("exclusive"),
        auto_delete: is("auto_delete"),
        nowait: is("nowait"),
        arguments,
    }))
}

pub(crate) fn bind(queue: &str, exchange: &str, key: &str, arguments: FieldTable) -> AMQPClass {
    AMQPClass::Queue(queue::AMQPMethod::Bind(queue::Bind {
        queue: queue.into(),
        exchange: exchange.into(),
        routing_key: key.into(),
        nowait: false,
        arguments,
    }))
}

pub(crate) fn bind_nowait(queue: &str, exchange: &str, key: &str) -> AMQPClass {
    AMQPClass::Queue(queue::AMQPMethod::Bind(queue::Bind {
        queue: queue.into(),
        exchange: exchange.into(),
        routing_key: key.into(),
        nowait: true,
        arguments: none(),
    }))
}

pub(crate) fn unbind(queue: &str, exchange: &str, key: &str, arguments: FieldTable) -> AMQPClass {
    AMQPClass::Queue(queue::AMQPMethod::Unbind(queue::Unbind {
        queue: queue.into(),
        exchange: exchange.into(),
        routing_key: key.into(),
        arguments,
    }))
}

pub(crate) fn purge(queue: &str) -> AMQPClass {
    AMQPClass::Queue(queue::AMQPMethod::Purge(queue::Purge {
        queue: queue.into(),
        nowait: false,
    }))
}

pub(crate) fn delete(queue: &str, options: &str) -> AMQPClass {
    let is = |word| has(options, &["if_unused", "if_empty", "nowait"], word);
    AMQPClass::Queue(queue::AMQPMethod::Delete(queue::Delete {
        queue: queue.into(),
        if_unused: is("if_unused"),
        if_empty: is("if_empty"),
        nowait: is("nowait"),
    }))
}

pub(crate) fn exchange_declare(exchange: &str, kind: &str, options: &str) -> AMQPClass {
    exchange_with(exchange, kind, options, none())
}

pub(crate) fn exchange_with(
    exchange: &str,
    kind: &str,
    options: &str,
    arguments: FieldTable,
) -> AMQPClass {
    let is = |word| {
        let known = ["passive", "durable", "auto_delete", "internal", "nowait"];
        has(options, &known, word)
    };
    AMQPClass::Exchange(exchange::AMQPMethod::Declare(exchange::Declare {
        exchange: exchange.into(),
        kind: kind.into(),
        passive: is("passive"),
        durable: is("durable"),
        auto_delete: is("auto_delete"),
        internal: is("internal"),
        nowait: is("nowait"),
        arguments,
    }))
}

pub(crate) fn exchange_delete(exchange: &str, options: &str) -> AMQPClass {
    let is = |word| has(options, &["if_unused", "nowait"], word);
    AMQPClass::Exchange(exchange::AMQPMethod::Delete(exchange::Delete {
        exchange: exchange.into(),
        if_unused: is("if_unused"),
        nowait: is("nowait"),
    }))
}

pub(crate) fn exchange_bind(destination: &str, source: &str, key: &str) -> AMQPClass {
    exchange_bind_with(destination, source, key, "", none())
}

pub(crate) fn exchange_bind_with(
    destination: &str,
    source: &str,
    key: &str,
    options: &str,
    arguments: FieldTable,
) -> AMQPClass {
    AMQPClass::Exchange(exchange::AMQPMethod::Bind(exchange::Bind {
        destination: destination.into(),
        source: source.into(),
        routing_key: key.into(),
        nowait: has(options, &["nowait"], "nowait"),
        arguments,
    }))
}

pub(crate) fn exchange_unbind(destination: &str, source: &str, key: &str) -> AMQPClass {
    AMQPClass::Exchange(exchange::AMQPMethod::Unbind(exchange::Unbind {
        destination: destination.into(),
        source: source.into(),
        routing_key: key.into(),
        nowait: false,
        arguments: none(),
    }))
}

pub(crate) fn qos(count: u16, options: &str) -> AMQPClass {
    AMQPClass::Basic(basic::AMQPMethod::Qos(basic::Qos {
        prefetch_count: count,
        global: has(options, &["global"], "global"),
    }))
}

pub(crate) fn consume(queue: &str, tag: &str, options: &str) -> AMQPClass {
    consume_with(queue, tag, options, none())
}

pub(crate) fn consume_with(
    queue: &str,
    tag: &str,
    options: &str,
    arguments: FieldTable,
) -> AMQPClass {
    let is = |word| {
        let known = ["no_local", "no_ack", "exclusive", "nowait"];
        has(options, &known, word)
    };
    AMQPClass::Basic(basic::AMQPMethod::Consume(basic::Consume {
        queue: queue.into(),
        consumer_tag: tag.into(),
        no_local: is("no_local"),
        no_ack: is("no_ack"),
        exclusive: is("exclusive"),
        nowait: is("nowait"),
        arguments,
    }))
}

pub(crate) fn cancel(tag: &str, options: &str) -> AMQPClass {
    AMQPClass::Basic(basic::AMQPMethod::Cancel(basic::Cancel {
        consumer_tag: tag.into(),
        nowait: has(options, &["nowait"], "nowait"),
    }))
}

pub(crate) fn get(queue: &str, options: &str) -> AMQPClass {
    AMQPClass::Basic(basic::AMQPMethod::Get(basic::Get {
        queue: queue.into(),
        no_ack: has(options, &["no_ack"], "no_ack"),
    }))
}

pub(crate) fn ack(tag: u64, options: &str) -> AMQPClass {
    AMQPClass::Basic(basic::AMQPMethod::Ack(basic::Ack {
        delivery_tag: tag,
        multiple: has(options, &["multiple"], "multiple"),
    }))
}

pub(crate) fn nack(tag: u64, options: &str) -> AMQPClass {
    let is = |word| has(options, &["multiple", "requeue"], word);
    AMQPClass::Basic(basic::AMQPMethod::Nack(basic::Nack {
        delivery_tag: tag,
        multiple: is("multiple"),
        requeue: is("requeue"),
    }))
}

pub(crate) fn reject(tag: u64, options: &str) -> AMQPClass {
    AMQPClass::Basic(basic::AMQPMethod::Reject(basic::Reject {
        delivery_tag: tag,
        requeue: has(options, &["requeue"], "requeue"),
    }))
}

pub(crate) fn recover(requeue: bool) -> AMQPClass {
    AMQPClass::Basic(basic::AMQPMethod::Recover(basic::Recover { requeue }))
}

pub(crate) fn recover_async(requeue: bool) -> AMQPClass {
    AMQPClass::Basic(basic::AMQPMethod::RecoverAsync(basic::RecoverAsync {
        requeue,
    }))
}

pub(crate) fn confirm_select(options: &str) -> AMQPClass {
    AMQPClass::Confirm(confirm::AMQPMethod::Select(confirm::Select {
        nowait: has(options, &["nowait"], "nowait"),
    }))
}

pub(crate) fn tx_select() -> AMQPClass {
    AMQPClass::Tx(tx::AMQPMethod::Select(tx::Select {}))
}

pub(crate) fn tx_commit() -> AMQPClass {
    AMQPClass::Tx(tx::AMQPMethod::Commit(tx::Commit {}))
}

pub(crate) fn tx_rollback() -> AMQPClass {
    AMQPClass::Tx(tx::AMQPMethod::Rollback(tx::Rollback {}))
}

/// A message to publish.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) exchange: String,
    pub(crate) key: String,
    pub(crate) options: String,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

/// A message without properties; `options`: `mandatory`, `immediate`.
pub(crate) fn message(exchange: &str, key: &str, body: &str) -> Message {
    Message {
        exchange: exchange.to_owned(),
        key: key.to_owned(),
        options: String::new(),
        properties: BasicProperties::default(),
        body: body.as_bytes().to_vec(),
    }
}

impl Message {
    pub(crate) fn options(mut self, options: &str) -> Self {
        options.clone_into(&mut self.options);
        self
    }

    pub(crate) fn with(mut self, set: impl FnOnce(BasicProperties) -> BasicProperties) -> Self {
        self.properties = set(self.properties);
        self
    }

    pub(crate) fn headers(self, headers: FieldTable) -> Self {
        self.with(|properties| properties.with_headers(headers))
    }

    pub(crate) fn expires(self, expiration: &str) -> Self {
        self.with(|properties| properties.with_expiration(expiration.into()))
    }

    pub(crate) fn method(&self) -> AMQPClass {
        let is = |word| has(&self.options, &["mandatory", "immediate"], word);
        AMQPClass::Basic(basic::AMQPMethod::Publish(basic::Publish {
            exchange: self.exchange.as_str().into(),
            routing_key: self.key.as_str().into(),
            mandatory: is("mandatory"),
            immediate: is("immediate"),
        }))
    }

    pub(crate) fn frames(&self, channel: u16) -> Vec<u8> {
        let mut frames = frame::method(channel, &self.method());
        frames.extend(frame::header(
            channel,
            60,
            self.body.len() as u64,
            &self.properties,
        ));
        if !self.body.is_empty() {
            frames.extend(frame::frame(frame::BODY, channel, &self.body));
        }
        frames
    }
}
