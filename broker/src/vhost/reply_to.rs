//! Direct reply-to: answers without a queue (<https://www.rabbitmq.com/docs/direct-reply-to>).

use std::sync::Arc;

use super::connection::ReplyConsumer;
use super::{ConnectionId, Vhost};
use crate::Name;
use crate::error::Refusal;
use crate::message::Message;
use crate::random::random_name;

/// The pseudo-queue that a client consumes from, and names in `reply_to`.
pub(crate) const DIRECT: &str = "amq.rabbitmq.reply-to";
/// What `reply_to` is rewritten to begins with this; then comes the token.
pub(crate) const DIRECT_PREFIX: &str = "amq.rabbitmq.reply-to.";

impl Vhost {
    /// # Errors
    ///
    /// 406 with acknowledgements, and for a second consumer on the channel.
    pub(super) fn consume_replies(
        &mut self,
        id: ConnectionId,
        channel: u16,
        consumer_tag: &Name,
        no_ack: bool,
    ) -> Result<(), Refusal> {
        let Some(consumer) = self.channel_mut(id, channel) else {
            return Ok(());
        };
        if !no_ack {
            return Err(Refusal::precondition_failed(
                "reply consumer cannot acknowledge",
            ));
        }
        if consumer.reply.is_some() {
            return Err(Refusal::precondition_failed("reply consumer already set"));
        }
        let token = Name::from(random_name());
        consumer.reply = Some(ReplyConsumer {
            consumer_tag: Arc::clone(consumer_tag),
            token: Arc::clone(&token),
        });
        self.reply_tokens.insert(token, (id, channel));
        Ok(())
    }

    /// Whether somebody waits for replies under this full name.
    pub(super) fn has_reply_consumer(&self, name: &str) -> bool {
        name.strip_prefix(DIRECT_PREFIX)
            .is_some_and(|token| self.reply_tokens.contains_key(token))
    }

    /// Hands a reply to the consumer that a key names, if it is still there and keeps up: direct replies are delivered
    /// at most once.
    pub(super) fn reply(&mut self, key: &str, message: &Message) {
        let Some((id, channel)) = key
            .strip_prefix(DIRECT_PREFIX)
            .and_then(|token| self.reply_tokens.get(token))
            .copied()
        else {
            return;
        };
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let Some(consumer) = connection.channels.get(&channel) else {
            return;
        };
        if connection.out.congested() {
            tracing::warn!(peer = %connection.peer.address, "a direct reply was dropped: its receiver does not read");
            return;
        }
        // RabbitMQ counts replies with the tag that the next delivery will have.
        let tag = consumer.peek_tag();
        if let Some(reply) = &consumer.reply
            && connection
                .out
                .deliver(channel, &reply.consumer_tag, tag, false, message)
        {
            self.touched.push(Arc::clone(&connection.out));
        }
    }
}
