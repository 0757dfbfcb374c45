//! What a script looks at before it says something: random steps that pay no heed to what is there mostly end in a closed
//! channel, and nothing deep is ever reached.

use super::words::{DIRECT, EXCHANGES, KEYS, QUEUES};
use crate::fuzzing::World;
use crate::fuzzing::client::Client;
use crate::status::ConnectionHandle;
use crate::vhost::Channel;

pub(super) struct View<'a> {
    world: &'a World,
    /// `None` for one that is not there, and will have its channels when it is.
    client: Option<&'a Client>,
}

impl<'a> View<'a> {
    pub(super) fn of(world: &'a World, who: usize) -> Self {
        let client = world.clients[who].as_ref();
        Self { world, client }
    }

    fn handle(&self) -> Option<ConnectionHandle> {
        self.client.map(Client::handle)
    }

    /// Whether a channel was closed by the broker, and that is to be answered.
    pub(super) fn must_agree(&self, channel: u16) -> bool {
        let channels = self.client.and_then(Client::channels);
        channels.is_some_and(|channels| channels.knows(channel))
    }

    /// How much of a body is to come before anything else may be said on a channel.
    pub(super) fn missing(&self, channel: u16) -> usize {
        let channels = self.client.and_then(Client::channels);
        let missing = channels.map_or(0, |channels| channels.missing(channel));
        usize::try_from(missing).unwrap_or(0)
    }

    fn ask<T>(&self, channel: u16, question: impl FnOnce(&Channel) -> T) -> Option<T> {
        let vhost = self.world.host.lock();
        vhost.channel_of(self.handle()?, channel).map(question)
    }

    pub(super) fn has_channel(&self, channel: u16) -> bool {
        self.ask(channel, |_| ()).is_some()
    }

    /// A delivery that is held, if there is one.
    pub(super) fn tag(&self, channel: u16, number: u8) -> Option<u64> {
        let tags = self.ask(channel, |channel| channel.unacked.tags())?;
        let place = usize::from(number).checked_rem(tags.len())?;
        Some(tags[place])
    }

    pub(super) fn has_consumer(&self, channel: u16, tag: &str) -> bool {
        let has = self.ask(channel, |channel| channel.consumers.contains_key(tag));
        has == Some(true)
    }

    /// Whether a channel is in a transaction, and whether it has publisher confirms.
    pub(super) fn modes(&self, channel: u16) -> (bool, bool) {
        let modes = self.ask(channel, |channel| {
            (channel.transaction.is_some(), channel.confirms.is_some())
        });
        modes.unwrap_or_default()
    }

    /// Where answers may go: directly, if somebody waits for them on the channel.
    pub(super) fn reply_to(&self, channel: u16) -> &'static str {
        match self.ask(channel, |channel| channel.reply.is_some()) {
            Some(true) => DIRECT,
            _ => "q1",
        }
    }

    pub(super) fn has_queue(&self, name: &str) -> bool {
        self.world.host.lock().has_queue(name)
    }

    /// A queue that is there for the client.
    pub(super) fn queue(&self, number: u8) -> &'static str {
        let vhost = self.world.host.lock();
        let may_use = |queue: &&str| vhost.may_use(self.handle(), queue);
        let usable: Vec<_> = QUEUES.into_iter().filter(may_use).collect();
        match usize::from(number).checked_rem(usable.len()) {
            Some(place) => usable[place],
            None => "q1",
        }
    }

    /// An exchange that is there.
    pub(super) fn exchange(&self, number: u8) -> &'static str {
        let vhost = self.world.host.lock();
        let exchange = EXCHANGES[usize::from(number) % EXCHANGES.len()];
        match vhost.exchanges.get(exchange) {
            Some(_) => exchange,
            None => "amq.topic",
        }
    }

    /// One of the keys, or the name of somebody who waits for replies.
    pub(super) fn key(&self, number: u8) -> String {
        let number = usize::from(number);
        match number % 16 {
            plain @ 0..12 => KEYS[plain].to_owned(),
            15 => "k".repeat(255),
            _ => {
                let token = self.world.host.lock().reply_token(number / 16 % 4);
                format!("{DIRECT}.{}", token.unwrap_or_default())
            }
        }
    }
}
