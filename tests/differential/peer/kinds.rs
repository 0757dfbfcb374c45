//! Which methods end what.

use amq_protocol::protocol::{AMQPClass, basic, channel, connection, exchange};

pub(super) fn is_close(method: &AMQPClass) -> bool {
    matches!(
        method,
        AMQPClass::Connection(connection::AMQPMethod::Close(_))
            | AMQPClass::Channel(channel::AMQPMethod::Close(_))
    )
}

pub(super) fn is_barrier(method: &AMQPClass) -> bool {
    matches!(
        method,
        AMQPClass::Exchange(exchange::AMQPMethod::DeclareOk(_))
    )
}

/// Every method but those that a broker sends of its own accord on an open channel.
pub(super) fn ends_a_wait(method: &AMQPClass) -> bool {
    !matches!(
        method,
        AMQPClass::Basic(
            basic::AMQPMethod::Deliver(_)
                | basic::AMQPMethod::Return(_)
                | basic::AMQPMethod::Ack(_)
                | basic::AMQPMethod::Nack(_)
                | basic::AMQPMethod::Cancel(_)
        )
    )
}
