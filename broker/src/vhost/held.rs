//! Dead letters that a full queue refuses and that must not be lost: those of quorum queues with the strategy
//! `at-least-once` stay until there is room. RabbitMQ looks again every few minutes, this broker after every burst.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{QueueId, Vhost};
use crate::message::Message;

/// By the queue that has no room, with the queue that each comes from.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<QueueId, VecDeque<(QueueId, Arc<Message>)>>);

impl Held {
    pub(super) fn add(&mut self, target: QueueId, source: QueueId, message: Arc<Message>) {
        let waiting = self.0.entry(target).or_default();
        waiting.push_back((source, message));
    }

    pub(super) fn any_for(&self, target: QueueId) -> bool {
        self.0.contains_key(&target)
    }

    /// What a queue has held goes with it, and so does what waits for it.
    pub(super) fn forget(&mut self, queue: QueueId) {
        self.0.remove(&queue);
        self.0.retain(|_, waiting| {
            waiting.retain(|(source, _)| *source != queue);
            !waiting.is_empty()
        });
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn check(&self, vhost: &Vhost) {
        for (target, waiting) in &self.0 {
            let target = vhost.queues.get(*target).expect("a queue without room");
            let (_, first) = waiting.front().expect("somebody waits");
            let full = target.would_overflow(first.body.len());
            assert!(full, "'{}' has room for what waits", target.name);
            for (source, _) in waiting {
                assert!(vhost.queues.contains_key(*source), "held by nobody");
            }
        }
    }
}

impl Vhost {
    /// Lets in what waits for room that has come.
    pub(super) fn let_in_held(&mut self) {
        let targets: Vec<QueueId> = self.held.0.keys().copied().collect();
        for target in targets {
            while let Some(message) = self.next_held(target) {
                self.enqueue(target, &message, None);
            }
        }
        self.route_dead_letters();
    }

    fn next_held(&mut self, target: QueueId) -> Option<Arc<Message>> {
        let waiting = self.held.0.get_mut(&target)?;
        let (_, first) = waiting.front()?;
        if self.queues.get(target)?.would_overflow(first.body.len()) {
            return None;
        }
        let (_, next) = waiting.pop_front()?;
        if waiting.is_empty() {
            self.held.0.remove(&target);
        }
        Some(next)
    }
}
