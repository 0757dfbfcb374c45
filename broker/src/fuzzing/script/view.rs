//! What a script looks at before it says something: random steps that pay no heed to what is there mostly end in a closed
//! channel, and nothing deep is ever reached.

use super::World;
use super::words::{DIRECT, KEYS};
use crate::status::ConnectionHandle;

pub(super) struct View<'a> {
    world: &'a World,
    /// `None` for one that is not there, and will have its channels when it is.
    client: Option<ConnectionHandle>,
}

impl<'a> View<'a> {
    pub(super) fn of(world: &'a World, who: usize) -> Self {
        let client = world.clients[who].as_ref();
        Self {
            world,
            client: client.map(|client| client.handle()),
        }
    }

    pub(super) fn has_channel(&self, channel: u16) -> bool {
        let vhost = self.world.host.lock();
        self.client
            .is_some_and(|client| vhost.has_channel(client, channel))
    }

    /// A delivery that is held, if there is one.
    pub(super) fn tag(&self, channel: u16, number: u8) -> Option<u64> {
        let tags = self.world.host.lock().held_tags(self.client?, channel);
        let place = usize::from(number).checked_rem(tags.len())?;
        Some(tags[place])
    }

    pub(super) fn has_consumer(&self, channel: u16, tag: &str) -> bool {
        let vhost = self.world.host.lock();
        self.client
            .is_some_and(|client| vhost.has_consumer(client, channel, tag))
    }

    /// Where answers may go: directly, if somebody waits for them on the channel.
    pub(super) fn reply_to(&self, channel: u16) -> &'static str {
        let vhost = self.world.host.lock();
        let waits = self
            .client
            .is_some_and(|client| vhost.awaits_replies(client, channel));
        if waits { DIRECT } else { "q1" }
    }

    pub(super) fn has_queue(&self, name: &str) -> bool {
        self.world.host.lock().has_queue(name)
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
