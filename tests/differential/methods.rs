//! Methods and messages in as few words as a scenario can do with. Options are given as words: `"durable exclusive"`.

mod message;
mod topology;

use amq_protocol::protocol::{AMQPClass, basic, channel, confirm, connection, tx};
use amq_protocol::types::{AMQPValue, FieldArray, FieldTable};

pub(crate) use message::{Message, message};
pub(crate) use topology::*;

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
