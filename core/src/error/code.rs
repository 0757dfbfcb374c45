//! The closed set of codes, and whether a handler ran.

use std::fmt;

/// Why a call failed. The set is closed on the wire (`docs/protocol.md`, section "Errors").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The request does not fit the method: wrong type, missing or unknown argument, undecodable body.
    InvalidArgument,
    /// No queue of that name exists, so no server can ever have seen the request.
    NoSuchService,
    /// The service does not have the method.
    NoSuchMethod,
    /// The deadline passed first.
    DeadlineExceeded,
    /// The caller gave up.
    Cancelled,
    /// The broker or the service cannot be reached now.
    Unavailable,
    /// A limit was hit: size, calls in flight, queue length.
    ResourceExhausted,
    /// The caller is known and may not do this.
    PermissionDenied,
    /// The caller is not known.
    Unauthenticated,
    /// The system is not in a state that allows the call.
    FailedPrecondition,
    /// The call was given up because going on could have run it twice.
    Aborted,
    /// The peer does not support what was asked, for example a newer wire version.
    Unimplemented,
    /// The service is broken: a panic, a result that cannot be encoded.
    Internal,
    /// A code that this version does not know; [`Error::wire_code`](crate::Error::wire_code) has it as the peer wrote it.
    Unknown,
    /// An error that the service's own domain defines; [`Error::name`](crate::Error::name) says which.
    Application,
}

impl Code {
    const ALL: [Self; 15] = [
        Self::InvalidArgument,
        Self::NoSuchService,
        Self::NoSuchMethod,
        Self::DeadlineExceeded,
        Self::Cancelled,
        Self::Unavailable,
        Self::ResourceExhausted,
        Self::PermissionDenied,
        Self::Unauthenticated,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::Unimplemented,
        Self::Internal,
        Self::Unknown,
        Self::Application,
    ];

    /// The code as it is written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "InvalidArgument",
            Self::NoSuchService => "NoSuchService",
            Self::NoSuchMethod => "NoSuchMethod",
            Self::DeadlineExceeded => "DeadlineExceeded",
            Self::Cancelled => "Cancelled",
            Self::Unavailable => "Unavailable",
            Self::ResourceExhausted => "ResourceExhausted",
            Self::PermissionDenied => "PermissionDenied",
            Self::Unauthenticated => "Unauthenticated",
            Self::FailedPrecondition => "FailedPrecondition",
            Self::Aborted => "Aborted",
            Self::Unimplemented => "Unimplemented",
            Self::Internal => "Internal",
            Self::Unknown => "Unknown",
            Self::Application => "Application",
        }
    }

    /// Reads a code from the wire; `None` when this version does not know it.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    pub(super) const fn retryable(self) -> bool {
        matches!(
            self,
            Self::Unavailable | Self::ResourceExhausted | Self::Aborted
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the handler of a failed call ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Executed {
    /// It provably never started, on any attempt.
    No,
    /// Nobody can say: it may have started, and may even have finished.
    Maybe,
    /// It ran to its end.
    Yes,
}

impl Executed {
    /// The word that is written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Maybe => "maybe",
            Self::Yes => "yes",
        }
    }

    /// Reads the word from the wire; anything unknown is [`Executed::Maybe`], the only honest guess.
    #[must_use]
    pub fn from_wire(text: &str) -> Self {
        match text {
            "no" => Self::No,
            "yes" => Self::Yes,
            _ => Self::Maybe,
        }
    }
}

impl fmt::Display for Executed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
