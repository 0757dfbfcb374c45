//! How a frame reads in a transcript: one line, what is empty or false left out, field types kept.

use amq_protocol::protocol::{
    AMQPClass, BasicProperties, access, basic, channel, confirm, connection, exchange, queue, tx,
};
use amq_protocol::types::{AMQPValue, FieldTable, LongString, ShortString};

use crate::frame::Frame;

trait Show {
    fn show(&self) -> String;
}

impl Show for bool {
    fn show(&self) -> String {
        if *self { "true" } else { "" }.into()
    }
}

impl Show for ShortString {
    fn show(&self) -> String {
        quoted(self.to_string().as_bytes())
    }
}

impl Show for LongString {
    fn show(&self) -> String {
        quoted(self.as_bytes())
    }
}

impl Show for FieldTable {
    fn show(&self) -> String {
        if self.inner().is_empty() {
            String::new()
        } else {
            table(self)
        }
    }
}

macro_rules! show_numbers {
    ($($number:ty)*) => {
        $(impl Show for $number {
            fn show(&self) -> String {
                self.to_string()
            }
        })*
    };
}

show_numbers!(u8 u16 u32 u64);

fn quoted(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("{bytes:02x?}"),
    }
}

fn fields(name: &str, fields: &[(&str, String)]) -> String {
    let mut line = name.to_owned();
    for (name, value) in fields {
        match value.as_str() {
            "" => {}
            "true" => line += &format!(" {name}"),
            _ => line += &format!(" {name}={value}"),
        }
    }
    line
}

macro_rules! methods {
    ($method:expr; $($class:ident $module:ident $($variant:ident $name:literal [$($field:ident)*])*;)*) => {
        match $method {
            $($(AMQPClass::$class($module::AMQPMethod::$variant(method)) => {
                let _ = method;
                fields($name, &[$((stringify!($field), method.$field.show())),*])
            })*)*
        }
    };
}

/// A method with its arguments, e.g. `queue.declare-ok queue="q" message_count=0 consumer_count=0`.
pub(crate) fn method(method: &AMQPClass) -> String {
    methods! { method;
        Connection connection
            Start "connection.start" [version_major version_minor server_properties mechanisms locales]
            StartOk "connection.start-ok" [mechanism response locale client_properties]
            Secure "connection.secure" [challenge]
            SecureOk "connection.secure-ok" [response]
            Tune "connection.tune" [channel_max frame_max heartbeat]
            TuneOk "connection.tune-ok" [channel_max frame_max heartbeat]
            Open "connection.open" [virtual_host]
            OpenOk "connection.open-ok" []
            Close "connection.close" [reply_code reply_text class_id method_id]
            CloseOk "connection.close-ok" []
            Blocked "connection.blocked" [reason]
            Unblocked "connection.unblocked" []
            UpdateSecret "connection.update-secret" [new_secret reason]
            UpdateSecretOk "connection.update-secret-ok" [];
        Channel channel
            Open "channel.open" []
            OpenOk "channel.open-ok" []
            Flow "channel.flow" [active]
            FlowOk "channel.flow-ok" [active]
            Close "channel.close" [reply_code reply_text class_id method_id]
            CloseOk "channel.close-ok" [];
        Access access
            Request "access.request" [realm exclusive passive active write read]
            RequestOk "access.request-ok" [];
        Exchange exchange
            Declare "exchange.declare" [exchange kind passive durable auto_delete internal nowait arguments]
            DeclareOk "exchange.declare-ok" []
            Delete "exchange.delete" [exchange if_unused nowait]
            DeleteOk "exchange.delete-ok" []
            Bind "exchange.bind" [destination source routing_key nowait arguments]
            BindOk "exchange.bind-ok" []
            Unbind "exchange.unbind" [destination source routing_key nowait arguments]
            UnbindOk "exchange.unbind-ok" [];
        Queue queue
            Declare "queue.declare" [queue passive durable exclusive auto_delete nowait arguments]
            DeclareOk "queue.declare-ok" [queue message_count consumer_count]
            Bind "queue.bind" [queue exchange routing_key nowait arguments]
            BindOk "queue.bind-ok" []
            Purge "queue.purge" [queue nowait]
            PurgeOk "queue.purge-ok" [message_count]
            Delete "queue.delete" [queue if_unused if_empty nowait]
            DeleteOk "queue.delete-ok" [message_count]
            Unbind "queue.unbind" [queue exchange routing_key arguments]
            UnbindOk "queue.unbind-ok" [];
        Basic basic
            Qos "basic.qos" [prefetch_count global]
            QosOk "basic.qos-ok" []
            Consume "basic.consume" [queue consumer_tag no_local no_ack exclusive nowait arguments]
            ConsumeOk "basic.consume-ok" [consumer_tag]
            Cancel "basic.cancel" [consumer_tag nowait]
            CancelOk "basic.cancel-ok" [consumer_tag]
            Publish "basic.publish" [exchange routing_key mandatory immediate]
            Return "basic.return" [reply_code reply_text exchange routing_key]
            Deliver "basic.deliver" [consumer_tag delivery_tag redelivered exchange routing_key]
            Get "basic.get" [queue no_ack]
            GetOk "basic.get-ok" [delivery_tag redelivered exchange routing_key message_count]
            GetEmpty "basic.get-empty" []
            Ack "basic.ack" [delivery_tag multiple]
            Reject "basic.reject" [delivery_tag requeue]
            RecoverAsync "basic.recover-async" [requeue]
            Recover "basic.recover" [requeue]
            RecoverOk "basic.recover-ok" []
            Nack "basic.nack" [delivery_tag multiple requeue];
        Tx tx
            Select "tx.select" []
            SelectOk "tx.select-ok" []
            Commit "tx.commit" []
            CommitOk "tx.commit-ok" []
            Rollback "tx.rollback" []
            RollbackOk "tx.rollback-ok" [];
        Confirm confirm
            Select "confirm.select" [nowait]
            SelectOk "confirm.select-ok" [];
    }
}

/// The properties that are set, e.g. `{correlation_id="1" headers={"a": 1I}}`.
pub(crate) fn properties(properties: &BasicProperties) -> String {
    fn set<T: Show>(value: Option<&T>) -> String {
        match value.map(Show::show) {
            Some(shown) if shown.is_empty() => "(empty)".into(),
            Some(shown) => shown,
            None => String::new(),
        }
    }
    let p = properties;
    let list = [
        ("content_type", set(p.content_type().as_ref())),
        ("content_encoding", set(p.content_encoding().as_ref())),
        ("headers", set(p.headers().as_ref())),
        ("delivery_mode", set(p.delivery_mode().as_ref())),
        ("priority", set(p.priority().as_ref())),
        ("correlation_id", set(p.correlation_id().as_ref())),
        ("reply_to", set(p.reply_to().as_ref())),
        ("expiration", set(p.expiration().as_ref())),
        ("message_id", set(p.message_id().as_ref())),
        ("timestamp", set(p.timestamp().as_ref())),
        ("type", set(p.kind().as_ref())),
        ("user_id", set(p.user_id().as_ref())),
        ("app_id", set(p.app_id().as_ref())),
        ("cluster_id", set(p.cluster_id().as_ref())),
    ];
    fields("", &list).trim_start().to_owned()
}

/// A body, cut where a reader has seen enough.
pub(crate) fn body(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if text.len() <= 80 => format!("{text:?}"),
        _ => format!("({} bytes)", body.len()),
    }
}

fn table(table: &FieldTable) -> String {
    let fields: Vec<_> = table
        .into_iter()
        .map(|(name, each)| match (name.to_string().as_str(), each) {
            // When a message died: the clock's, not the broker's.
            ("time", AMQPValue::Timestamp(_)) => "\"time\": (now)T".to_owned(),
            (name, each) => format!("{name:?}: {}", value(each)),
        })
        .collect();
    format!("{{{}}}", fields.join(", "))
}

/// A value with the letter of its type on the wire.
fn value(value: &AMQPValue) -> String {
    match value {
        AMQPValue::Boolean(value) => value.to_string(),
        AMQPValue::ShortShortInt(value) => format!("{value}b"),
        AMQPValue::ShortShortUInt(value) => format!("{value}B"),
        AMQPValue::ShortInt(value) => format!("{value}s"),
        AMQPValue::ShortUInt(value) => format!("{value}u"),
        AMQPValue::LongInt(value) => format!("{value}I"),
        AMQPValue::LongUInt(value) => format!("{value}i"),
        AMQPValue::LongLongInt(value) => format!("{value}l"),
        AMQPValue::Float(value) => format!("{value}f"),
        AMQPValue::Double(value) => format!("{value}d"),
        AMQPValue::DecimalValue(value) => format!("{value:?}D"),
        AMQPValue::ShortString(value) => format!("short {:?}", value.to_string()),
        AMQPValue::LongString(value) if value.is_empty() => "\"\"".into(),
        AMQPValue::LongString(value) => value.show(),
        AMQPValue::FieldArray(values) => {
            let values: Vec<_> = values.as_slice().iter().map(self::value).collect();
            format!("[{}]", values.join(", "))
        }
        AMQPValue::Timestamp(value) => format!("{value}T"),
        AMQPValue::FieldTable(value) => table(value),
        AMQPValue::ByteArray(value) => format!("{:02x?}x", value.as_slice()),
        AMQPValue::Void => "void".into(),
    }
}

pub(crate) fn frame(frame: &Frame) -> String {
    match frame {
        Frame::Protocol(bytes) => format!("protocol header {:?}", bytes.escape_ascii().to_string()),
        Frame::Method(method) => self::method(method),
        Frame::Header {
            class,
            size,
            properties,
        } => {
            let properties = self::properties(properties);
            format!("  header class={class} size={size} {{{properties}}}")
        }
        Frame::Body(bytes) => format!("  body {}", body(bytes)),
        Frame::Heartbeat => "heartbeat".into(),
        Frame::Broken { kind, payload } => format!(
            "broken frame kind={kind} {:?}",
            payload.escape_ascii().to_string()
        ),
        Frame::Gone => "(connection closed)".into(),
        Frame::Silence => SILENCE.into(),
    }
}

/// What stands in a transcript where the broker should have said something. RabbitMQ's never has it.
pub(crate) const SILENCE: &str = "(nothing in time)";
