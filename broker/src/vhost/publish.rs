//! basic.publish: checks, routing, returns, confirms; and what each queue makes of a message.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;

use super::arguments::{self, Overflow};
use super::death::{self, Reason};
use super::reply_to::{DIRECT, DIRECT_PREFIX};
use super::{ConnectionId, QueueId, Vhost};
use crate::Name;
use crate::error::Refusal;
use crate::message::Message;
use crate::wire::properties::Properties;

const NO_ROUTE: u16 = 312;

/// A message as a client publishes it, complete.
#[derive(Debug)]
pub(crate) struct Publish<'a> {
    pub(crate) exchange: &'a str,
    /// Any bytes; only text can be bound to.
    pub(crate) routing_key: &'a [u8],
    pub(crate) mandatory: bool,
    pub(crate) properties: Properties,
    pub(crate) body: Bytes,
}

/// A message that has been checked and is ready to be routed.
#[derive(Debug)]
pub(super) struct Checked {
    message: Message,
    mandatory: bool,
    time_to_live: Option<Duration>,
}

impl Vhost {
    /// Routes a message, or keeps it for the commit of a transaction.
    ///
    /// # Errors
    ///
    /// As RabbitMQ: no such exchange, an internal one, a false `user_id`, a bad `expiration`, a missing reply consumer,
    /// a sender-selected key of the wrong type.
    pub(crate) fn publish(
        &mut self,
        id: ConnectionId,
        channel: u16,
        publish: Publish<'_>,
    ) -> Result<(), Refusal> {
        let checked = self.checked(id, channel, publish)?;
        let Some(publisher) = self.channel_mut(id, channel) else {
            return Ok(());
        };
        if let Some(transaction) = &mut publisher.transaction {
            transaction.publishes.push(checked);
            return Ok(());
        }
        let confirms = publisher.confirms.is_some();
        let accepted = self.publish_checked(id, channel, checked);
        if confirms {
            self.confirm(id, channel, accepted);
        }
        self.route_dead_letters();
        Ok(())
    }

    fn checked(
        &mut self,
        id: ConnectionId,
        channel: u16,
        publish: Publish<'_>,
    ) -> Result<Checked, Refusal> {
        let exchange = self.publishable(publish.exchange)?;
        let mut properties = publish.properties;
        let mut time_to_live = None;
        if let Some(connection) = self.connections.get_mut(id) {
            if properties.reply_to() == Some(DIRECT) {
                let reply = connection
                    .channels
                    .get(&channel)
                    .and_then(|channel| channel.reply.as_ref())
                    .ok_or_else(|| {
                        Refusal::precondition_failed("fast reply consumer does not exist")
                    })?;
                properties = properties.with_reply_to(&format!("{DIRECT_PREFIX}{}", reply.token));
            }
            if let Some(user) = properties.user_id()
                && *user != *connection.user
            {
                return Err(Refusal::precondition_failed(format!(
                    "user_id property set to '{user}' but authenticated user was '{}'",
                    connection.user
                )));
            }
            if let Some(text) = properties.expiration() {
                time_to_live = Some(arguments::expiration(text)?);
            }
        }
        let (copies, cleaned) = death::sender_selected(&properties)?;
        if let Some(cleaned) = cleaned {
            properties = cleaned;
        }
        // The name of the queue that the default exchange means, if there is one, is there already.
        let text = String::from_utf8_lossy(publish.routing_key);
        let routing_key = match self.queue_names.get_key_value(&*text) {
            Some((name, _)) => Arc::clone(name),
            None => Name::from(&*text),
        };
        let message = Message::new(&self.meter, exchange, routing_key, properties, publish.body);
        Ok(Checked {
            message: message
                .with_wire_key(publish.routing_key)
                .with_copies(copies),
            mandatory: publish.mandatory,
            time_to_live,
        })
    }

    fn publishable(&self, exchange: &str) -> Result<Name, Refusal> {
        if exchange.is_empty() {
            return Ok(Arc::clone(&self.default_exchange));
        }
        let Some(found) = self.exchanges.get(exchange) else {
            return Err(Refusal::not_found(format!(
                "no exchange '{exchange}' in vhost '{}'",
                self.name
            )));
        };
        if found.internal {
            return Err(Refusal::access_refused(format!(
                "cannot publish to internal exchange '{exchange}' in vhost '{}'",
                self.name
            )));
        }
        Ok(Arc::clone(&found.name))
    }

    /// False when a queue refused it.
    pub(super) fn publish_checked(
        &mut self,
        id: ConnectionId,
        channel: u16,
        checked: Checked,
    ) -> bool {
        let Checked {
            message,
            mandatory,
            time_to_live,
        } = checked;
        let mut routed = std::mem::take(&mut self.routed);
        routed.clear();
        self.route(&message, &mut routed);
        if message.exchange.is_empty() {
            for key in message.keys().filter(|key| key.starts_with(DIRECT_PREFIX)) {
                self.reply(key, &message);
            }
        }
        let message = Arc::new(message);
        if routed.is_empty() && mandatory {
            // RabbitMQ also returns a mandatory direct reply that has been delivered.
            self.give_to_sender(id, channel, &message);
        }
        let mut accepted = true;
        for queue in routed.drain(..) {
            accepted &= self.enqueue(queue, &message, time_to_live);
        }
        self.routed = routed;
        accepted
    }

    /// Whether one of the queues that a message goes to refuses what is too much.
    pub(super) fn may_refuse(&self, checked: &Checked) -> bool {
        let mut routed = Vec::new();
        self.route(&checked.message, &mut routed);
        let mut queues = routed
            .into_iter()
            .filter_map(|queue| self.queues.get(queue));
        queues.any(|queue| queue.arguments.overflow != Overflow::DropHead)
    }

    /// Sends a message of a transaction back if no queue takes it; once.
    pub(super) fn return_unroutable(
        &mut self,
        id: ConnectionId,
        channel: u16,
        checked: &mut Checked,
    ) {
        let mut routed = Vec::new();
        self.route(&checked.message, &mut routed);
        if routed.is_empty() && std::mem::take(&mut checked.mandatory) {
            self.give_to_sender(id, channel, &checked.message);
        }
    }

    /// The queues that a message goes to, each once.
    pub(super) fn route(&self, message: &Message, into: &mut Vec<QueueId>) {
        if message.exchange.is_empty() {
            for key in message.keys() {
                if let Some(queue) = self.queue_names.get(key)
                    && !into.contains(queue)
                {
                    into.push(*queue);
                }
            }
            return;
        }
        let keys: SmallVec<[&str; 4]> = message.keys().collect();
        self.exchanges
            .route(&message.exchange, &keys, &message.properties, into);
    }

    fn give_to_sender(&mut self, id: ConnectionId, channel: u16, message: &Message) {
        if let Some(connection) = self.connections.get(id)
            && connection
                .out
                .returned(channel, NO_ROUTE, "NO_ROUTE", message)
        {
            self.touched.push(Arc::clone(&connection.out));
        }
    }

    /// Puts a message into a queue, or into the hands of a consumer that waits for it. False when the queue is full
    /// and refuses more.
    pub(super) fn enqueue(
        &mut self,
        id: QueueId,
        message: &Arc<Message>,
        own: Option<Duration>,
    ) -> bool {
        let Some(queue) = self.queues.get_mut(id) else {
            return true;
        };
        if queue.arguments.overflow != Overflow::DropHead
            && queue.would_overflow(message.body.len())
        {
            if queue.arguments.overflow == Overflow::RejectPublishDlx {
                self.give_up(id, Arc::clone(message), Reason::MaxLen);
            }
            return false;
        }
        let now = Instant::now();
        let expires = queue
            .time_to_live(own)
            .and_then(|time_to_live| now.checked_add(time_to_live));
        if self.hand_through(id, message, expires) {
            return true;
        }
        let Some(queue) = self.queues.get_mut(id) else {
            return true;
        };
        let entry = queue.entry(Arc::clone(message), expires);
        queue.ready.push(entry);
        self.enforce_limits(id);
        // Nobody had credit a moment ago, and nobody has got any since.
        if expires == Some(now) {
            self.expire_heads(id, now);
        }
        self.arm_head(id);
        true
    }

    /// Drops from the head what is too much.
    pub(super) fn enforce_limits(&mut self, id: QueueId) {
        while let Some(queue) = self.queues.get_mut(id).filter(|queue| {
            // A queue that refuses publishes takes back what it had.
            queue.arguments.overflow == Overflow::DropHead && queue.overflows()
        }) {
            let Some(dropped) = queue.ready.pop() else {
                break;
            };
            self.give_up(id, dropped.message, Reason::MaxLen);
        }
    }

    /// Notes that a publish was accepted, or says at once that it was refused.
    fn confirm(&mut self, id: ConnectionId, channel: u16, accepted: bool) {
        if !accepted {
            // Those before it were accepted.
            self.send_confirms(id, channel);
            self.nack_next(id, channel);
            return;
        }
        let publisher = self.channel_mut(id, channel);
        if let Some(confirms) = publisher.and_then(|publisher| publisher.confirms.as_mut()) {
            confirms.accepted += 1;
            if !std::mem::replace(&mut confirms.waiting, true) {
                self.confirming.push((id, channel));
            }
        }
    }

    /// Sends the confirms that wait on a channel, as one.
    pub(crate) fn send_confirms(&mut self, id: ConnectionId, channel: u16) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let confirms = connection
            .channels
            .get_mut(&channel)
            .and_then(|channel| channel.confirms.as_mut());
        let Some(confirms) = confirms else { return };
        confirms.waiting = false;
        if confirms.accepted > confirms.sent {
            let several = confirms.accepted > confirms.sent + 1;
            confirms.sent = confirms.accepted;
            if connection.out.ack(channel, confirms.accepted, several) {
                self.touched.push(Arc::clone(&connection.out));
            }
        }
    }

    fn nack_next(&mut self, id: ConnectionId, channel: u16) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let confirms = connection
            .channels
            .get_mut(&channel)
            .and_then(|channel| channel.confirms.as_mut());
        if let Some(confirms) = confirms {
            confirms.accepted += 1;
            confirms.sent = confirms.accepted;
            if connection.out.nack(channel, confirms.sent, true) {
                self.touched.push(Arc::clone(&connection.out));
            }
        }
    }
}
