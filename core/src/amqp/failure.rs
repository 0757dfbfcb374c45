//! lapin's errors become ours: a code that says what to do, the cause kept as source.

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

use crate::error::{Code, Error, Executed};

/// `doing` completes the sentence "… failed", for example "declaring the queue `math`".
pub(super) fn failure(doing: &str, error: lapin::Error) -> Error {
    let (code, advice) = classify(&error);
    let message = match error.kind() {
        ErrorKind::ProtocolError(amqp) => format!("{doing} failed: {}{advice}", amqp.get_message()),
        _ => format!("{doing} failed: {error}{advice}"),
    };
    Error::new(code, message)
        .with_executed(Executed::No)
        .with_source(error)
}

/// Whether the broker said that the thing does not exist (404).
pub(super) fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(amqp)
        if *amqp.kind() == AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
}

/// Whether the broker said that the thing exists with other properties (406).
pub(super) fn is_mismatch(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(amqp)
        if *amqp.kind() == AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED))
}

/// Whether the broker closed a channel, and not the connection.
pub(super) fn is_of_a_channel(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(amqp) if matches!(amqp.kind(), AMQPErrorKind::Soft(_)))
}

/// Whether the connection has no place for another channel.
pub(super) fn is_full(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ChannelsLimitReached)
}

fn classify(error: &lapin::Error) -> (Code, &'static str) {
    let ErrorKind::ProtocolError(amqp) = error.kind() else {
        return (Code::Unavailable, "");
    };
    match amqp.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => (
            Code::PermissionDenied,
            "; check the login, and what it may configure, write and read (rabbitmqctl list_user_permissions)",
        ),
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => (Code::NoSuchService, ""),
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED | AMQPSoftError::RESOURCELOCKED) => {
            (Code::FailedPrecondition, "")
        }
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => (
            Code::PermissionDenied,
            "; check the vhost and who may use it",
        ),
        AMQPErrorKind::Hard(AMQPHardError::RESOURCEERROR) => (Code::ResourceExhausted, ""),
        _ => (Code::Unavailable, ""),
    }
}
