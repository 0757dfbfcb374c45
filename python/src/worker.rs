//! Workers and subscriptions whose handlers are Python's: each run becomes an event, and what became of it comes back by
//! a channel. A listener is the same for whoever iterates.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use leveret::{Code, Error, Executed, Message, Outcome, Raw};
use pyo3::prelude::*;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::action::Action;
use crate::connection::Connection;
use crate::convert::readable;
use crate::delivery::{self, Answer, Given, Readable};
use crate::fork::{Own, runtime};
use crate::made::Made;
use crate::queue::{Event, Events, MSGPACK, Promise, Queue};
use crate::service::{Running, next_id};
use crate::settings::{from_python, seconds};
use crate::workload::{Workload, WorkloadSettings};

/// A consumer as the core calls it.
struct Consumer {
    /// Its place in the server's list.
    index: usize,
    raw: bool,
    /// How long a handler may take from when it starts: not the core's timeout, which would count while a task waits for
    /// a thread.
    timeout: Option<Duration>,
    desk: Desk,
}

/// A run that Python has been given.
struct Going {
    given_up: Arc<AtomicBool>,
    taken: oneshot::Receiver<()>,
    answer: oneshot::Receiver<Answer>,
    ended: bool,
}

/// Why there is no answer.
enum Silence {
    /// Python has let go of the run.
    LetGo,
    TookLonger(Duration),
}

impl Going {
    async fn answer(&mut self, timeout: Option<Duration>) -> Result<Answer, Silence> {
        let answer = match timeout {
            None => (&mut self.answer).await,
            Some(timeout) => {
                let _ = (&mut self.taken).await;
                let answer = tokio::time::timeout(timeout, &mut self.answer).await;
                answer.map_err(|_| Silence::TookLonger(timeout))?
            }
        };
        self.ended = true;
        answer.map_err(|_| Silence::LetGo)
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        if !self.ended {
            self.given_up.store(true, Ordering::Release);
        }
    }
}

/// Where runs are handled.
enum Desk {
    Handlers(Arc<Events>),
    Iterator(mpsc::UnboundedSender<Box<Given>>),
}

impl Consumer {
    /// What of the messages can be read; the others are settled.
    async fn readable(&self, messages: Vec<Message>) -> Vec<Readable> {
        let mut fit = Vec::with_capacity(messages.len());
        for message in messages {
            if self.raw {
                fit.push((message, bytes::Bytes::new(), MSGPACK));
                continue;
            }
            match message.undecoded().and_then(|value| readable(&value)) {
                Ok((body, how)) => fit.push((message, body, how)),
                Err(error) => spoil(&message, error.message()).await,
            }
        }
        fit
    }

    async fn run(&self, messages: Vec<Message>) -> Outcome {
        let messages = self.readable(messages).await;
        if messages.is_empty() {
            return Outcome::Done;
        }
        let kept: Vec<Message> = messages
            .iter()
            .map(|(message, ..)| message.clone())
            .collect();
        let answer = match &self.desk {
            Desk::Handlers(events) => self.handled(events, messages).await,
            Desk::Iterator(runs) => self.iterated(runs, &messages).await,
        };
        for (place, error) in answer.spoiled {
            if let Some(message) = kept.get(place) {
                spoil(message, &error).await;
            }
        }
        answer.outcome
    }

    fn given(&self, messages: Vec<Readable>) -> (Box<Given>, Going) {
        let (sender, answer) = oneshot::channel();
        let (taken, is_taken) = oneshot::channel();
        let given_up = Arc::new(AtomicBool::new(false));
        let guard = messages.first().map(|(message, ..)| message.guard());
        let given = Given {
            id: next_id(),
            consumer: self.index,
            messages,
            taken,
            given_up: Arc::clone(&given_up),
            desk: delivery::Desk {
                guard,
                answer: sender,
            },
        };
        let going = Going {
            given_up,
            taken: is_taken,
            answer,
            ended: false,
        };
        (Box::new(given), going)
    }

    async fn handled(&self, events: &Events, messages: Vec<Readable>) -> Answer {
        let (given, mut going) = self.given(messages);
        let mut running = Running {
            events,
            id: given.id,
            ended: false,
        };
        events.push(Event::Run(given));
        let answer = going.answer(self.timeout).await;
        if matches!(answer, Err(Silence::LetGo)) && events.is_closed() {
            // The process ends: the broker gives it to somebody else.
            std::future::pending::<()>().await;
        }
        running.ended = going.ended;
        answer.unwrap_or_else(|silence| match silence {
            Silence::LetGo => Answer::retry("the handler ended without a result"),
            Silence::TookLonger(timeout) => took_longer(timeout),
        })
    }

    /// Until somebody has taken it and gone on: whoever asks for the next one may be cancelled as it comes.
    async fn iterated(
        &self,
        runs: &mpsc::UnboundedSender<Box<Given>>,
        messages: &[Readable],
    ) -> Answer {
        loop {
            let (given, mut going) = self.given(messages.to_vec());
            if runs.send(given).is_err() {
                std::future::pending::<()>().await;
            }
            match going.answer(self.timeout).await {
                Ok(answer) => return answer,
                Err(Silence::TookLonger(timeout)) => return took_longer(timeout),
                Err(Silence::LetGo) => {}
            }
        }
    }
}

fn took_longer(timeout: Duration) -> Answer {
    Answer::retry(format!("the handler took longer than {timeout:?}"))
}

async fn spoil(message: &Message, error: &str) {
    if let Err(error) = message.undecodable(error).await {
        tracing::warn!(queue = message.queue(), %error, "a message could not be settled and goes back to its queue");
    }
}

async fn start(
    workload: Workload,
    batch: Option<(u16, Duration)>,
    consumer: Consumer,
) -> Result<leveret::Worker, Error> {
    let consumer = Arc::new(consumer);
    let each = {
        let consumer = Arc::clone(&consumer);
        move |_: Raw, message: Message| {
            let consumer = Arc::clone(&consumer);
            async move { consumer.run(vec![message]).await }
        }
    };
    let together = move |batch: Vec<(Raw, Message)>| {
        let consumer = Arc::clone(&consumer);
        async move {
            let messages = batch.into_iter().map(|(_, message)| message);
            consumer.run(messages.collect()).await
        }
    };
    match (workload, batch) {
        (Workload::Tasks(builder), None) => builder.start(each).await,
        (Workload::Tasks(builder), Some((size, age))) => {
            builder.start_batches(size, age, together).await
        }
        (Workload::Events(builder), None) => builder.start(each).await,
        (Workload::Events(builder), Some((size, age))) => {
            builder.start_batches(size, age, together).await
        }
    }
}

/// The core's own limit for a start is a long one.
async fn within(
    timeout: Option<Duration>,
    start: impl Future<Output = Result<leveret::Worker, Error>>,
) -> Result<leveret::Worker, Error> {
    let Some(timeout) = timeout else {
        return start.await;
    };
    let started = tokio::time::timeout(timeout, start).await;
    started.unwrap_or_else(|_| {
        let message = format!("the broker has not answered within {timeout:?}");
        Err(Error::new(Code::Unavailable, message).with_executed(Executed::No))
    })
}

/// A running worker or subscription.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Worker {
    worker: Own<Arc<leveret::Worker>>,
    runtime: Handle,
}

impl Worker {
    pub(crate) fn new(worker: leveret::Worker) -> PyResult<Self> {
        Ok(Self {
            worker: Own::new(Arc::new(worker)),
            runtime: runtime()?,
        })
    }
}

#[pymethods]
impl Worker {
    #[staticmethod]
    fn start(
        connection: &Connection,
        settings: &Bound<'_, PyAny>,
        index: usize,
        runs: &Queue,
        queue: &Queue,
        slot: u64,
    ) -> PyResult<()> {
        let settings: WorkloadSettings = from_python(settings)?;
        let promise = Promise::new(queue.events()?, slot);
        let open = match connection.get() {
            Ok(open) => open,
            Err(error) => {
                promise.keep(Err(error));
                return Ok(());
            }
        };
        let consumer = Consumer {
            index,
            raw: settings.raw,
            timeout: settings.timeout,
            desk: Desk::Handlers(Arc::clone(runs.events()?)),
        };
        let batch = settings.batch()?;
        let workload = settings.into_core(open)?;
        connection.runtime().spawn(async move {
            promise.keep(start(workload, batch, consumer).await.map(Made::Worker));
        });
        Ok(())
    }

    fn stop(&self, queue: &Queue, slot: u64) -> PyResult<()> {
        let promise = Promise::new(queue.events()?, slot);
        match self.worker.get() {
            Ok(worker) => {
                let worker = Arc::clone(worker);
                self.runtime.spawn(async move {
                    worker.stop().await;
                    promise.keep(Ok(Made::Nothing));
                });
            }
            Err(_) => promise.keep(Ok(Made::Nothing)),
        }
        Ok(())
    }

    fn stop_now(&self) {
        if let Ok(worker) = self.worker.get() {
            worker.stop_now();
        }
    }
}

type Runs = mpsc::UnboundedReceiver<Box<Given>>;

/// A subscription or a worker whose messages are taken one after the other.
#[pyclass(frozen, module = "leveret._leveret")]
#[derive(Debug)]
pub(crate) struct Listener {
    worker: Own<Arc<leveret::Worker>>,
    runs: Own<Arc<Mutex<Runs>>>,
}

#[pymethods]
impl Listener {
    #[staticmethod]
    #[pyo3(signature = (connection, settings, timeout=None))]
    fn start(
        connection: &Connection,
        settings: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Action> {
        let settings: WorkloadSettings = from_python(settings)?;
        let (sender, runs) = mpsc::unbounded_channel();
        let consumer = Consumer {
            index: 0,
            raw: settings.raw,
            timeout: settings.timeout,
            desk: Desk::Iterator(sender),
        };
        let open = match connection.get() {
            Ok(open) => open,
            Err(error) => return Action::new(async move { Err(error) }),
        };
        let workload = settings.into_core(open)?;
        Action::new(async move {
            let worker = within(timeout.and_then(seconds), start(workload, None, consumer)).await?;
            Ok(Made::Listener(Self {
                worker: Own::new(Arc::new(worker)),
                runs: Own::new(Arc::new(Mutex::new(runs))),
            }))
        })
    }

    fn next(&self) -> PyResult<Action> {
        let runs = self.runs.get().cloned();
        Action::new(async move { Ok(Made::Run(runs?.lock().await.recv().await)) })
    }

    fn stop(&self) -> PyResult<Action> {
        let worker = self.worker.get().cloned();
        Action::new(async move {
            if let Ok(worker) = worker {
                worker.stop_now();
                worker.stop().await;
            }
            Ok(Made::Nothing)
        })
    }
}
