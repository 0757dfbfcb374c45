//! Tasks over Leveret, with nothing turned off.

use leveret::{Connection, Message, QueueOptions, TaskQueue};

use super::{Count, Stack, UNUSED};

pub(super) struct Tasks {
    connection: Connection,
    queue: TaskQueue<u64>,
}

impl Tasks {
    pub(super) async fn open(url: &str) -> Self {
        let connection = Connection::connect(url).await.expect("a broker");
        let name = format!("leveret-bench-tasks-{}", std::process::id());
        // As the other's.
        let options = QueueOptions::classic().expires(UNUSED);
        let queue = TaskQueue::new(name).options(options);
        Self { connection, queue }
    }
}

impl Stack for Tasks {
    async fn push_each(&self, tasks: usize) {
        let pushing = self.connection.tasks(&self.queue);
        for task in 0..tasks {
            pushing.push(&(task as u64)).await.expect("a confirm");
        }
    }

    async fn push_all(&self, tasks: usize) {
        let all: Vec<_> = (0..tasks as u64).collect();
        let pushing = self.connection.tasks(&self.queue);
        pushing.push_all(&all).await.expect("confirms");
    }

    async fn work(&self, tasks: usize, prefetch: u16) {
        let count = Count::down_from(tasks);
        let handler = {
            let count = count.clone();
            move |_: u64, _: Message| {
                count.one();
                async {}
            }
        };
        let worker = self
            .connection
            .worker(&self.queue)
            .concurrency(prefetch)
            .start(handler)
            .await
            .expect("a worker");
        count.done().await;
        worker.stop().await;
    }
}
