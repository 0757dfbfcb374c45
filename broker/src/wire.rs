//! AMQP 0-9-1 on the wire. Framing, the hot methods and content are done here; amq-protocol does the other methods,
//! and only after their bytes were checked, since it recurses without a limit.

pub(crate) mod encode;
pub(crate) mod frame;
pub(crate) mod header;
pub(crate) mod layout;
pub(crate) mod method;
pub(crate) mod properties;
pub(crate) mod table;
