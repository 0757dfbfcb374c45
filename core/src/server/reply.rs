//! What goes back to a caller.

use bytes::Bytes;

use crate::codec::Codec;
use crate::error::{Code, Error, Executed};
use crate::service::Reply;
use crate::wire::{self, error_body};

/// A finished answer, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) kind: &'static str,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn new(outcome: Result<Reply, Error>, codec: Codec, max_size: usize) -> Self {
        match outcome {
            Ok(reply) if reply.body.len() > max_size => {
                let error = Error::new(
                    Code::ResourceExhausted,
                    format!(
                        "the result takes {} bytes, the server's limit is {max_size}",
                        reply.body.len()
                    ),
                )
                .with_executed(Executed::Yes)
                .with_retryable(false);
                Self::error(&error, codec)
            }
            Ok(reply) => Self {
                kind: wire::TYPE_REPLY,
                content_type: reply.codec.content_type(),
                body: reply.body,
            },
            Err(error) => {
                let answer = Self::error(&error, codec);
                if answer.body.len() <= max_size {
                    return answer;
                }
                let smaller = Error::new(
                    error.code(),
                    "the error's details are larger than the server's limit",
                );
                Self::error(&smaller.with_executed(error.executed()), codec)
            }
        }
    }

    pub(super) fn error(error: &Error, codec: Codec) -> Self {
        let (codec, body) = error_body::write(error, codec);
        Self {
            kind: wire::TYPE_ERROR,
            content_type: codec.content_type(),
            body,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.body.len()
    }

    /// For the log, when nobody waits for the answer.
    pub(super) fn error_text(&self) -> Option<String> {
        (self.kind == wire::TYPE_ERROR).then(|| error_body::describe(self.content_type, &self.body))
    }
}
