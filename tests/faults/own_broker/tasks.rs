//! A broker that is killed under tasks that are pushed and worked: what it has confirmed is done in the end.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::{Broker, within};
use leveret::{Message, QueueOptions, Retry, TaskQueue};
use tokio::sync::watch;

use crate::fixture::connect;

const TASKS: usize = 10_000;

/// Numbers that have been worked on with success.
#[derive(Clone, Default)]
struct Done(Arc<(Mutex<HashSet<usize>>, watch::Sender<usize>)>);

impl Done {
    fn add(&self, job: usize) {
        let (jobs, count) = &*self.0;
        let mut jobs = jobs.lock().expect("nobody panics");
        jobs.insert(job);
        count.send_replace(jobs.len());
    }

    async fn wait(&self, count: usize) {
        let mut done = self.0.1.subscribe();
        // Two boots of a node lie between.
        let enough = done.wait_for(|done| *done >= count);
        match tokio::time::timeout(Duration::from_secs(100), enough).await {
            Ok(enough) => drop(enough.expect("the sender lives here")),
            Err(_) => panic!("{} of {count} are done", *self.0.1.borrow()),
        }
    }
}

/// Kills the broker twice while tasks are pushed and worked, some of which fail at first.
async fn survive(queue: TaskQueue<usize>, fails_at_first: fn(usize) -> bool) {
    let mut broker = Broker::own().await;
    let done = Done::default();
    let home = connect(broker.url(), "").await;
    let noted = done.clone();
    let worker = home
        .worker(&queue)
        .concurrency(50)
        .start(move |job: usize, message: Message| {
            let failed = message.attempt() == 1 && fails_at_first(job);
            if !failed {
                noted.add(job);
            }
            std::future::ready(if failed { Err("at first") } else { Ok(()) })
        })
        .await
        .expect("a worker");
    let tasks = connect(broker.url(), "").await.tasks(&queue);
    let tasks = tasks.with_timeout(Duration::from_secs(100));
    let pushed = tasks.clone();
    let pushing = tokio::spawn(async move {
        let jobs: Vec<_> = (0..TASKS).collect();
        pushed.push_all(&jobs).await
    });
    for part in [3, 6] {
        done.wait(TASKS * part / 10).await;
        broker.kill().await;
        broker.restart().await;
    }
    done.wait(TASKS).await;
    let ids = within("the pushes", pushing).await.expect("no panic");
    assert_eq!(ids.expect("confirmed").len(), TASKS);
    within("the worker's end", worker.stop()).await;
    assert_eq!(tasks.info().await.expect("the queue").dead, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_queue_loses_no_confirmed_task() {
    survive(TaskQueue::new("work"), |_| false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quorum_queue_loses_none_that_rests_either() {
    let second = Duration::from_secs(1);
    let queue = TaskQueue::new("work")
        .options(QueueOptions::quorum())
        .retry(Retry::new(10).delay(second, second));
    survive(queue, |job| job % 10 == 0).await;
}
