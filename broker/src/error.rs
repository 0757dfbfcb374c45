//! Why the broker closes a channel or a connection: RabbitMQ's reply codes with RabbitMQ's texts, since users of
//! clients search for them.

use amq_protocol::types::ShortString;

/// How much a refusal ends (AMQP 0-9-1 section 4.2.7: channel and connection exceptions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Channel,
    Connection,
}

/// A refusal, with the method that it answers once that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) scope: Scope,
    pub(crate) code: u16,
    /// With the code's name in front; cut to a short string when it is sent.
    pub(crate) text: String,
    /// Class and method id; 0, 0 where no method is to blame.
    pub(crate) method: (u16, u16),
}

impl Refusal {
    fn new(scope: Scope, code: u16, name: &str, text: impl AsRef<str>) -> Self {
        Self {
            scope,
            code,
            text: format!("{name} - {}", text.as_ref()),
            method: (0, 0),
        }
    }

    /// The text as it is sent: what does not fit into a short string is cut as RabbitMQ cuts it.
    pub(crate) fn reply_text(&self) -> ShortString {
        const CUT: &str = "...";
        if self.text.len() <= usize::from(u8::MAX) {
            return self.text.as_str().into();
        }
        let mut end = usize::from(u8::MAX) - CUT.len();
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}{CUT}", &self.text[..end]).into()
    }

    /// Names the method that is refused, unless that is known already.
    pub(crate) fn at(mut self, class: u16, method: u16) -> Self {
        if self.method == (0, 0) {
            self.method = (class, method);
        }
        self
    }
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $constructor:ident = $scope:ident, $code:literal, $name:literal;)*) => {
        impl Refusal {
            $($(#[$doc])* pub(crate) fn $constructor(text: impl AsRef<str>) -> Self {
                Self::new(Scope::$scope, $code, $name, text)
            })*
        }
    };
}

refusals! {
    access_refused = Channel, 403, "ACCESS_REFUSED";
    not_found = Channel, 404, "NOT_FOUND";
    resource_locked = Channel, 405, "RESOURCE_LOCKED";
    precondition_failed = Channel, 406, "PRECONDITION_FAILED";
    connection_forced = Connection, 320, "CONNECTION_FORCED";
    frame_error = Connection, 501, "FRAME_ERROR";
    syntax_error = Connection, 502, "SYNTAX_ERROR";
    command_invalid = Connection, 503, "COMMAND_INVALID";
    channel_error = Connection, 504, "CHANNEL_ERROR";
    unexpected_frame = Connection, 505, "UNEXPECTED_FRAME";
    not_allowed = Connection, 530, "NOT_ALLOWED";
    not_implemented = Connection, 540, "NOT_IMPLEMENTED";
    internal_error = Connection, 541, "INTERNAL_ERROR";
}
