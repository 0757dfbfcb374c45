//! From a delivery to a job, or to the one answer that it deserves; and from a job to its handler.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;
use uuid::Uuid;

use super::QueueConfig;
use super::calls::{Begin, Calls};
use super::job::{Desk, Job};
use super::pace::Pace;
use super::reply::Answer;
use crate::amqp::Delivery;
use crate::codec::Codec;
use crate::context::{Cancellation, Context, Metadata, Parts, TraceContext};
use crate::descriptor::MethodDescriptor;
use crate::error::{Code, Error, Executed};
use crate::partition;
use crate::service::{Reply, Request, Slot, panicked};
use crate::stop::Stop;
use crate::wire;

/// The part of a server that serves one queue, through all its sessions.
#[derive(Debug)]
pub(super) struct Dispatcher {
    pub(super) config: QueueConfig,
    pub(super) calls: Arc<Calls>,
    pub(super) stop: Stop,
    pub(super) max_message_size: usize,
    /// One for each method.
    pub(super) paces: Vec<Pace>,
    /// Messages that were no requests.
    pub(super) dropped: Arc<AtomicU64>,
    /// How many requests may run, over all queues that share them.
    pub(super) slots: Arc<Semaphore>,
}

impl Dispatcher {
    /// Makes a job of a delivery. Whatever cannot become one is answered and acknowledged here.
    pub(super) fn admit(&self, delivery: Delivery, desk: &Arc<Desk>) -> Option<Box<Job>> {
        let arrival = Instant::now();
        if delivery
            .kind()
            .is_some_and(|kind| kind.starts_with(wire::RESERVED_PREFIX))
        {
            // A reply or control message that was sent here, by mistake or by a forged reply address.
            self.drop(&delivery, desk, "its type is reserved");
            return None;
        }
        if delivery.kind().is_none() && delivery.reply_to().is_none() {
            self.drop(
                &delivery,
                desk,
                "it names neither a method nor a reply address",
            );
            return None;
        }
        match self.examine(&delivery, desk.partition) {
            Ok((codec, method)) => Some(self.job(delivery, arrival, codec, method, desk)),
            Err(error) => {
                // In JSON when the caller's own encoding is the thing that is not understood.
                let codec =
                    Codec::from_content_type(delivery.content_type()).unwrap_or(Codec::Json);
                let error = honest(error, delivery.redelivered);
                desk.answer(&delivery, &Answer::error(&error, codec));
                None
            }
        }
    }

    fn drop(&self, delivery: &Delivery, desk: &Desk, why: &str) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(queue = %self.config.name, why, "a message that is no request was dropped");
        desk.acks.finish(&[delivery.tag]);
    }

    /// `partition`: of the queue from which it came, if it came from one.
    fn examine(
        &self,
        delivery: &Delivery,
        partition: Option<u16>,
    ) -> Result<(Codec, &MethodDescriptor), Error> {
        let refuse =
            |code, message: String| Err(Error::new(code, message).with_executed(Executed::No));
        wire::check_version(delivery)?;
        wire::check_encoding(delivery)?;
        let Some(codec) = Codec::from_content_type(delivery.content_type()) else {
            return refuse(
                Code::InvalidArgument,
                format!(
                    "the content type {:?} is not known here; send application/msgpack, application/json or text/plain",
                    delivery.content_type().unwrap_or_default()
                ),
            );
        };
        if delivery.body.len() > self.max_message_size {
            return refuse(
                Code::ResourceExhausted,
                format!(
                    "the request takes {} bytes, the limit is {}",
                    delivery.body.len(),
                    self.max_message_size
                ),
            )
            .map_err(|error| error.with_retryable(false));
        }
        let descriptor = self.config.service.descriptor();
        let method = match delivery.kind() {
            Some(name) => descriptor
                .method(name)
                .ok_or_else(|| format!("no method {name:?}")),
            None => descriptor
                .default_method()
                .ok_or_else(|| "no default method; name one in `type`".to_owned()),
        };
        let method = match method {
            Ok(method) => method,
            Err(what) => {
                let known: Vec<_> = descriptor
                    .methods
                    .iter()
                    .map(|method| &*method.name)
                    .collect();
                return refuse(
                    Code::NoSuchMethod,
                    format!(
                        "the service `{}` has {what}; it has {}",
                        descriptor.name,
                        known.join(", ")
                    ),
                );
            }
        };
        match partition {
            Some(partition) => self.check_key(delivery, partition)?,
            None if method.options.key.is_some() => return Err(self.wants_partition(method)),
            None => {}
        }
        Ok((codec, method))
    }

    /// A key in the wrong partition is handled beside the same key in the right one.
    fn check_key(&self, delivery: &Delivery, partition: u16) -> Result<(), Error> {
        let Some(key) = delivery.header(wire::HEADER_KEY) else {
            return Ok(());
        };
        let partitions = self.config.partitions.unwrap_or(partition::DEFAULT);
        let right = partition::of(key, partitions);
        if right == partition {
            return Ok(());
        }
        Err(Error::new(
            Code::InvalidArgument,
            format!(
                "the key of the request belongs to partition {right} and came to partition {partition}; the \
                 service has {partitions}, the caller counts with another number or the wrong key"
            ),
        )
        .with_executed(Executed::No))
    }

    fn wants_partition(&self, method: &MethodDescriptor) -> Error {
        Error::new(
            Code::InvalidArgument,
            format!(
                "calls of `{}` are ordered by `{}` and do not go to this queue: send them to `{}.p` + the CRC-32 of \
                 the key modulo {}, with the key in the header {}",
                method.name,
                method.options.key.as_deref().unwrap_or_default(),
                self.config.name,
                self.config.partitions.unwrap_or(partition::DEFAULT),
                wire::HEADER_KEY
            ),
        )
        .with_executed(Executed::No)
    }

    fn job(
        &self,
        mut delivery: Delivery,
        arrival: Instant,
        codec: Codec,
        method: &MethodDescriptor,
        desk: &Arc<Desk>,
    ) -> Box<Job> {
        let (trace, metadata) = (TraceContext::of(&delivery), Metadata::of(&delivery));
        // Without an expiration nothing would ever end a loop of crashes.
        let unbounded = delivery.expiration().is_none() && !method.options.idempotent;
        let now_or_never = unbounded || method.options.at_most_once;
        let id = delivery
            .message_id()
            .and_then(|id| Uuid::try_parse(id).ok());
        let body = std::mem::take(&mut delivery.body);
        let context = Context::new(Parts {
            service: self.config.service.descriptor().name.clone(),
            method: method.name.clone(),
            // A queue's own wait is the broker's to count; what is left runs from here, on this clock.
            deadline: delivery
                .expiration()
                .and_then(|left| arrival.checked_add(Duration::from_millis(left))),
            metadata,
            trace,
            delivery,
            cancellation: Cancellation::default(),
        });
        let methods = &self.config.service.descriptor().methods;
        Box::new(Job {
            method: methods
                .iter()
                .position(|other| std::ptr::eq(other, method))
                .unwrap_or_default(),
            id,
            context,
            codec,
            body,
            at_most_once: method.options.at_most_once,
            now_or_never,
            desk: Arc::clone(desk),
        })
    }

    /// Runs a job that waited when the server was told to stop, if there is a slot before the grace time ends.
    pub(super) async fn run_last(self: Arc<Self>, job: Box<Job>, slots: Arc<Semaphore>) {
        tokio::select! {
            biased;
            () = self.stop.now.cancelled() => {}
            slot = slots.acquire_owned() => if let Ok(slot) = slot {
                return Arc::clone(&self).run(job, slot.into()).await;
            }
        }
        self.refuse_late(&job);
    }

    /// Answers what could not start within the grace time.
    pub(super) fn refuse_late(&self, job: &Job) {
        let error = Error::new(
            Code::Unavailable,
            "the server stopped before the call could start",
        )
        .with_executed(Executed::No);
        let error = honest(error, job.context.redelivered());
        job.answer(&Answer::error(&error, job.codec));
    }

    /// Runs a job to its answer.
    pub(super) async fn run(self: Arc<Self>, job: Box<Job>, slot: Slot) {
        let job = match self.calls.begin(job) {
            Begin::Run(job) => job,
            Begin::Joined => return,
            Begin::Again(job, answer) => return job.answer(&answer),
            Begin::Cancelled(job) => {
                let error = Error::new(Code::Cancelled, "the call was cancelled before it started")
                    .with_executed(Executed::No);
                let error = honest(error, job.context.redelivered());
                return job.answer(&Answer::error(&error, job.codec));
            }
        };
        let outcome = if job.now_or_never && job.context.redelivered() {
            Err(Error::new(
                Code::Aborted,
                "the request was delivered before and may have been executed; it is not run again",
            )
            .with_executed(Executed::Maybe))
        } else {
            self.handle(&job, &Arc::new(slot)).await
        };
        let outcome = outcome.map_err(|error| honest(error, job.context.redelivered()));
        let answer = Answer::new(outcome, job.codec, self.max_message_size);
        let again = self.calls.finish(job.id, &answer);
        job.answer(&answer);
        for again in again {
            again.answer(&answer);
        }
    }

    async fn handle(&self, job: &Job, slot: &Arc<Slot>) -> Result<Reply, Error> {
        let deadline = job.context.deadline();
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Error::new(
                Code::DeadlineExceeded,
                "the deadline passed before the handler started",
            )
            .with_executed(Executed::No));
        }
        if job.at_most_once {
            job.desk.acks.finish(&[job.context.delivery().tag]);
        }
        let request = Request::new(
            job.body.clone(),
            job.codec,
            job.context.clone(),
            Some(Arc::clone(slot)),
        );
        let service = Arc::clone(&self.config.service);
        let method = job.context.method();
        let span = tracing::info_span!(
            "rpc",
            service = job.context.service(),
            method,
            traceparent = job.context.trace().map(|trace| trace.traceparent.as_str())
        );
        // The service's own code runs inside, from making the future on: all of it may panic.
        let handler = async move { service.call(method, request).await };
        let handler = job
            .context
            .clone()
            .scope(AssertUnwindSafe(handler).catch_unwind());
        let mut handler = pin!(Some(handler.instrument(span)));
        let mut running = poll_fn(|cx| match handler.as_mut().as_pin_mut() {
            Some(handler) => handler.poll(cx),
            None => Poll::Pending,
        });
        let unwrap = |outcome: std::thread::Result<_>| {
            outcome.unwrap_or_else(|panic| Err(panicked(&*panic)))
        };
        // Most handlers are done at once, and need no timer and nobody to listen for cancels.
        if let Poll::Ready(outcome) = futures_util::poll!(&mut running) {
            return unwrap(outcome);
        }
        let stopped =
            |code, what: &'static str| Err(Error::new(code, what).with_executed(Executed::Maybe));
        let outcome = tokio::select! {
            biased;
            outcome = &mut running => return unwrap(outcome),
            () = job.context.cancellation().cancelled() => {
                stopped(Code::Cancelled, "the caller cancelled the call while it ran")
            }
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                job.context.cancellation().cancel();
                stopped(Code::DeadlineExceeded, "the deadline passed while the handler ran")
            }
            () = self.stop.now.cancelled() => {
                job.context.cancellation().cancel();
                stopped(Code::Unavailable, "the server stopped while the handler ran")
            }
        };
        // What it holds may panic as it goes, as some clients do that block; the call is answered all the same.
        if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(|| handler.set(None))) {
            tracing::error!(method, error = %panicked(&*panic), "a handler panicked as it was stopped");
        }
        outcome
    }
}

/// An earlier delivery of the same request may have run, here or elsewhere, whatever became of this one.
fn honest(error: Error, redelivered: bool) -> Error {
    if redelivered && error.executed() == Executed::No {
        return error.with_executed(Executed::Maybe);
    }
    error
}
