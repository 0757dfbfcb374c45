//! One request between its arrival and its answer.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::acks::Acks;
use super::reply::Answer;
use crate::amqp::{Channel, Message, WriteSink, Writer};
use crate::codec::Codec;
use crate::context::Context;

/// Where requests of one consumer came from and where their answers go.
pub(super) struct Desk {
    pub(super) acks: Arc<Acks>,
    replies: Writer<u64>,
    /// Set when answers can no longer be written, so that the consumer is set up anew.
    pub(super) broken: CancellationToken,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

/// Acknowledges requests when their replies have been written to the socket.
struct AckWhenWritten(Arc<Acks>);

impl WriteSink<u64> for AckWhenWritten {
    fn written(&self, tags: &mut Vec<u64>) {
        self.0.finish(tags);
    }
}

impl Desk {
    pub(super) fn new(requests: Channel, replies: Channel) -> Self {
        let acks = Arc::new(Acks::new(requests));
        let replies = Writer::open(replies, AckWhenWritten(Arc::clone(&acks)));
        Self {
            acks,
            replies,
            broken: CancellationToken::new(),
        }
    }

    /// Waits until every answer has been written and acknowledged.
    pub(super) async fn drained(&self) {
        self.replies.drained().await;
    }
}

/// A request and what is needed to answer it.
#[derive(Debug)]
pub(super) struct Job {
    /// Its place in the descriptor.
    pub(super) method: usize,
    pub(super) tag: u64,
    /// The id of the logical call, when it is a UUID.
    pub(super) id: Option<Uuid>,
    pub(super) context: Context,
    pub(super) codec: Codec,
    pub(super) body: Bytes,
    pub(super) envelope: Envelope,
    pub(super) at_most_once: bool,
    /// A second delivery of it is not run: that could do harm, or go on for ever.
    pub(super) now_or_never: bool,
    pub(super) desk: Arc<Desk>,
}

/// Where one answer goes.
#[derive(Debug)]
pub(super) struct Envelope {
    /// Nobody waits when it is absent.
    pub(super) reply_to: Option<String>,
    pub(super) correlation_id: Option<String>,
    pub(super) method: Cow<'static, str>,
}

impl Job {
    /// Sends the answer, and acknowledges the request once it has been written.
    pub(super) fn answer(&self, answer: &Answer) {
        self.desk.answer(self.tag, &self.envelope, answer);
    }
}

impl Desk {
    pub(super) fn answer(&self, tag: u64, envelope: &Envelope, answer: &Answer) {
        let Some(reply_to) = &envelope.reply_to else {
            if let Some(error) = answer.error_text() {
                tracing::warn!(method = %envelope.method, %error, "a cast failed");
            }
            self.acks.finish(&[tag]);
            return;
        };
        let message = Message {
            // The default exchange: it reaches reply queues and direct reply-to addresses alike.
            exchange: "",
            routing_key: reply_to,
            kind: Some(answer.kind),
            content_type: Some(answer.content_type),
            correlation_id: envelope.correlation_id.as_deref(),
            body: answer.body.clone(),
            ..Message::default()
        };
        if let Err(error) = self.replies.write(message, tag) {
            tracing::debug!(%error, "an answer could not be sent; the request will be delivered again");
            self.broken.cancel();
        }
    }
}
