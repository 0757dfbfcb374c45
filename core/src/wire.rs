//! The names and limits of the wire, version 1. `docs/protocol.md` is the normative text.

pub(crate) mod error_body;
mod readable;

pub(crate) use readable::{check_encoding, check_version};

/// The newest wire version that this build speaks; absent on the wire means 1.
pub(crate) const VERSION: i64 = 1;

/// `type` of a message that carries a value.
pub(crate) const TYPE_REPLY: &str = "leveret.reply";
/// `type` of a message that carries an error.
pub(crate) const TYPE_ERROR: &str = "leveret.error";
/// `type` of a message on the control exchange that cancels a call.
pub(crate) const TYPE_CANCEL: &str = "leveret.cancel";
/// The `type` by which the owner of a partition says that it has left in order.
pub(crate) const TYPE_IN_ORDER: &str = "leveret.in-order";
/// The prefix of every name that is ours.
pub(crate) const RESERVED_PREFIX: &str = "leveret.";

/// The header that names a wire version above 1.
pub(crate) const HEADER_VERSION: &str = "leveret-v";
/// The header that holds the key of a request, for order by key.
pub(crate) const HEADER_KEY: &str = "leveret-key";
pub(crate) const HEADER_TRACEPARENT: &str = "traceparent";
pub(crate) const HEADER_TRACESTATE: &str = "tracestate";
pub(crate) const HEADER_BAGGAGE: &str = "baggage";

/// The topic exchange for cancels, before the namespace is put in front.
pub(crate) const CONTROL_EXCHANGE: &str = "leveret.control";
/// The prefix of reply queues; 16 random characters follow.
pub(crate) const REPLY_QUEUE_PREFIX: &str = "leveret.r.";

/// The prefix of an instance's queue for control messages; 16 random characters follow.
pub(crate) const CONTROL_QUEUE_PREFIX: &str = "leveret.c.";

/// Which attempt at a task a message is; absent means the first.
pub(crate) const HEADER_ATTEMPT: &str = "leveret-attempt";
/// What a task is known again by when it is pushed twice.
pub(crate) const HEADER_DEDUP: &str = "leveret-dedup";
/// What went wrong at the last attempt.
pub(crate) const HEADER_ERROR: &str = "leveret-error";
/// Why a task is a dead letter.
pub(crate) const HEADER_DEATH: &str = "leveret-death";
/// When it became one, in milliseconds since 1970.
pub(crate) const HEADER_DIED: &str = "leveret-died";
/// The queue in which it was.
pub(crate) const HEADER_QUEUE: &str = "leveret-queue";
/// The exchange and the routing key by which an event came first, on copies for a later attempt.
pub(crate) const HEADER_EXCHANGE: &str = "leveret-exchange";
pub(crate) const HEADER_ROUTING_KEY: &str = "leveret-routing-key";
/// How long the text of an error may be in a header, in bytes.
pub(crate) const MAX_ERROR_HEADER: usize = 1024;

/// The prefix of the queue of a transient subscription; 16 random characters follow.
pub(crate) const EVENT_QUEUE_PREFIX: &str = "leveret.e.";

/// All headers of a message together, in bytes: they must fit one AMQP frame with the properties.
pub(crate) const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Whether a key may be used as metadata.
pub(crate) fn is_metadata_key(key: &str) -> bool {
    (1..=64).contains(&key.len())
        && key
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-'))
        && !key.starts_with("x-")
        && !key.starts_with("leveret-")
        && !matches!(
            key,
            "cc" | "bcc" | HEADER_TRACEPARENT | HEADER_TRACESTATE | HEADER_BAGGAGE
        )
}

/// Whether a name may be a service's or a method's.
pub(crate) fn is_name(name: &str) -> bool {
    is_name_within(name, 100)
}

/// The same for names that may be longer or have to be shorter.
pub(crate) fn is_name_within(name: &str, bytes: usize) -> bool {
    (1..=bytes).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        && !name.starts_with("amq.")
        && !name.starts_with(RESERVED_PREFIX)
}

/// The routing key of control messages to everyone who serves a queue.
pub(crate) fn control_key(queue: &str) -> String {
    format!("queue.{queue}")
}

/// The queue that such a key is about.
pub(crate) fn controlled_queue(key: &str) -> Option<&str> {
    key.strip_prefix("queue.")
}

/// The routing key of control messages to one instance of a server.
pub(crate) fn instance_key(instance: &str) -> String {
    format!("instance.{instance}")
}

/// 16 random characters that nobody can guess.
pub(crate) fn random_name() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bytes = uuid::Uuid::new_v4().into_bytes();
    bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}
