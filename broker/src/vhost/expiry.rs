//! What happens at a time: heads of queues expire, and queues that nobody uses.

use std::collections::BTreeSet;
use std::time::Instant;

#[cfg(any(test, fuzzing))]
use super::queue::Queue;
use super::{QueueId, Vhost};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    HeadExpires,
    QueueExpires,
}

/// The earliest first. A timer may find that nothing is due any more, and then sets the next one.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Instant, QueueId, What)>);

#[cfg(any(test, fuzzing))]
impl Timers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every timer is for a queue, and known to it.
    pub(super) fn check<'a>(&self, queue: impl Fn(QueueId) -> Option<&'a Queue>) {
        for (at, id, what) in &self.0 {
            let queue = queue(*id).expect("a timer's queue exists");
            let known = match what {
                What::HeadExpires => queue.head_timer,
                What::QueueExpires => queue.idle_timer,
            };
            assert_eq!(known, Some(*at), "{what:?} of '{}'", queue.name);
        }
    }
}

impl Vhost {
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.timers.0.first().map(|(at, _, _)| *at)
    }

    /// Does what is due.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some((at, id, what)) = self.timers.0.first().copied() {
            if at > now {
                break;
            }
            self.timers.0.pop_first();
            match what {
                What::HeadExpires => {
                    if let Some(queue) = self.queues.get_mut(id) {
                        queue.head_timer = None;
                    }
                    self.expire_heads(id, now);
                    self.arm_head(id);
                }
                What::QueueExpires => self.expire_queue(id, now),
            }
        }
        self.route_dead_letters();
    }

    fn expire_queue(&mut self, id: QueueId, now: Instant) {
        let Some(queue) = self.queues.get_mut(id) else {
            return;
        };
        queue.idle_timer = None;
        let Some(expires) = queue.arguments.expires else {
            return;
        };
        if !queue.consumers.is_empty() {
            queue.last_used = now;
        }
        if queue.last_used + expires <= now {
            self.remove_queue(id);
        } else {
            self.arm_queue(id);
        }
    }

    /// Watches over a queue that is deleted when nobody has used it for a while.
    pub(super) fn arm_queue(&mut self, id: QueueId) {
        if let Some(queue) = self.queues.get_mut(id)
            && let Some(expires) = queue.arguments.expires
        {
            let at = queue.last_used + expires;
            queue.idle_timer = Some(at);
            self.timers.0.insert((at, id, What::QueueExpires));
        }
    }

    /// Watches over the head of a queue, if that can expire.
    pub(super) fn arm_head(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get_mut(id) else {
            return;
        };
        let Some(at) = queue.ready.next_expiry() else {
            return;
        };
        match queue.head_timer {
            Some(armed) if armed <= at => {}
            armed => {
                if let Some(armed) = armed {
                    self.timers.0.remove(&(armed, id, What::HeadExpires));
                }
                queue.head_timer = Some(at);
                self.timers.0.insert((at, id, What::HeadExpires));
            }
        }
    }

    /// Forgets the timers of a queue that is gone.
    pub(super) fn disarm(&mut self, id: QueueId, head: Option<Instant>, idle: Option<Instant>) {
        if let Some(at) = head {
            self.timers.0.remove(&(at, id, What::HeadExpires));
        }
        if let Some(at) = idle {
            self.timers.0.remove(&(at, id, What::QueueExpires));
        }
    }
}
