//! What the consumers of a worker share, and how a message that has come to any of them is run.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::RwLock;
use tokio_util::task::TaskTracker;

use super::message::Message;
use super::rate::Rate;
use super::seen::Seen;
use super::settle::{BUSY, Desk, Verdict};
use super::slots::{Slot, Slots};
use super::source::Source;
use crate::amqp::Delivery;
use crate::connection::Connection;
use crate::context::{Cancellation, Context, Metadata, Parts, TraceContext};
use crate::error::Code;
use crate::service::panicked;
use crate::stop::Stop;
use crate::tasks::once::{self, Begin};
use crate::wire;

/// What is called with one message or a batch of them, and settles each. Boxed, once a run: the consumers would be compiled
/// for each handler of a program otherwise.
pub(super) trait Handler: Send + Sync + 'static {
    fn handle(&self, messages: Vec<Message>) -> BoxFuture<'_, ()>;
}

/// How many messages make a batch, and how long the first one waits for the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub(super) size: usize,
    pub(super) age: Duration,
}

/// What all consumers of a worker share.
pub(super) struct Common {
    pub(super) connection: Connection,
    pub(super) source: Arc<Source>,
    pub(super) handler: Box<dyn Handler>,
    pub(super) slots: Slots,
    pub(super) prefetch: u16,
    pub(super) rate: Option<Rate>,
    pub(super) batch: Option<Batch>,
    pub(super) stop: Stop,
    pub(super) seen: Arc<Seen>,
    pub(super) running: TaskTracker,
    /// Shared by those that are being set aside, and wanted alone by one that is to run: it must not end this process
    /// before the broker has heard that the original is done with, or there are two of it.
    pub(super) setting_aside: RwLock<()>,
}

impl Common {
    /// Gives what runs its time.
    pub(super) async fn let_finish(&self) {
        let grace_ends = self.stop.grace_ends();
        self.stop.finish(&self.running, grace_ends).await;
    }

    pub(super) fn message(&self, queue: &str, mut delivery: Delivery, desk: &Arc<Desk>) -> Message {
        let body: Bytes = std::mem::take(&mut delivery.body);
        let attempt = delivery
            .header_number(wire::HEADER_ATTEMPT)
            .and_then(|attempt| u32::try_from(attempt).ok())
            .map_or(1, |attempt| attempt.max(1));
        let trace = TraceContext::of(&delivery);
        let metadata = Metadata::of(&delivery);
        let context = Context::new(Parts {
            service: queue.to_owned().into(),
            method: "".into(),
            deadline: None,
            metadata,
            trace,
            delivery,
            cancellation: Cancellation::default(),
        });
        Message::new(context, body, attempt, Arc::clone(desk))
    }

    /// Runs the handler, and sees to it that every message is settled in the end. Returns when nothing of the run goes on
    /// any more, or at the end of a stop.
    pub(super) async fn run(&self, messages: Vec<Message>, slot: &mut Slot) {
        let mut admitted = Vec::with_capacity(messages.len());
        for message in messages {
            if self.may_run(&message).await {
                if let Some(id) = message.id() {
                    self.seen.starts(id);
                }
                admitted.push(message);
            }
        }
        if admitted.is_empty() {
            return;
        }
        self.handle(&admitted).await;
        for message in &admitted {
            if message.goes_on() {
                slot.is_given_up();
            }
            tokio::select! {
                biased;
                () = message.has_ended() => {}
                () = self.stop.now.cancelled() => {}
            }
            // Only now may others with its de-duplication key run.
            drop(message.let_go());
        }
    }

    async fn handle(&self, messages: &[Message]) {
        let handled = async {
            if self.source.is_aside(messages[0].queue()) {
                drop(self.setting_aside.write().await);
            }
            self.handler.handle(messages.to_vec()).await;
        };
        let now = &self.stop.now;
        tokio::select! {
            biased;
            // At the end of a stop nothing is begun: a thread of it would go on.
            outcome = AssertUnwindSafe(handled).catch_unwind(), if !now.is_cancelled() => {
                let Err(panic) = outcome else {
                    return;
                };
                for message in messages {
                    let reason = panicked(&*panic).message().to_owned();
                    message.settle(Verdict::Retry { after: None, reason }).await;
                }
            }
            () = now.cancelled() => {
                for message in messages.iter().filter(|message| !message.is_settled()) {
                    message.context().cancellation().cancel();
                    message.settle(Verdict::Back).await;
                }
            }
        }
    }

    /// Whether a task with a de-duplication key is to be run; takes its lock then.
    async fn may_run(&self, message: &Message) -> bool {
        let key = message.header(wire::HEADER_DEDUP);
        let key = key.filter(|_| !self.source.dedup_window.is_zero());
        let (Some(key), Some(names)) = (key, &self.source.names) else {
            return true;
        };
        let desk = message.desk();
        let begin = once::begin(
            self.connection.shared(),
            &desk.session,
            &names.queue,
            key,
            self.source.dedup_window,
        );
        let verdict = match begin.await {
            Ok(Begin::Run(guard)) => {
                message.hold(guard);
                return true;
            }
            Ok(Begin::Done) => {
                tracing::debug!(
                    queue = message.queue(),
                    "a task was done before and is skipped"
                );
                Verdict::Done
            }
            Ok(Begin::Busy) => Verdict::Later(BUSY),
            Err(error) if error.code() == Code::Unavailable => Verdict::Later(BUSY),
            Err(error) => Verdict::Retry {
                after: None,
                reason: format!(
                    "its de-duplication key cannot be looked up: {}",
                    error.message()
                ),
            },
        };
        message.settle(verdict).await;
        false
    }
}
