//! What many share: the channels of a connection, and the one that posts leave on.

use harness::eventually;
use leveret::TaskQueue;

use crate::world::{Journal, World, noting, work};

#[tokio::test]
async fn keyed_queues_share_the_channels_of_a_connection_and_leave_some() {
    const PARTITIONS: u16 = 80;
    let world = World::new().await;
    // Each partition takes two.
    let url = format!("{}?channel_max=256", world.broker.url());
    let connection = world.builder_to(&url).connect().await.unwrap();
    let onlooker = world.connect().await;
    let queues = ["a", "b"].map(|name| TaskQueue::<String>::new(name).keyed(PARTITIONS));
    let journal = Journal::default();
    let mut workers = Vec::new();
    for queue in &queues {
        workers.push(noting(&connection, queue, &journal).await);
    }
    eventually("a fair share for each", async || {
        let mut shares = Vec::new();
        for queue in &queues {
            let info = onlooker.tasks(queue).info().await.unwrap();
            shares.push(info.consumers);
        }
        shares[0] == shares[1] && shares[0] >= 30
    })
    .await;
    workers.push(noting(&connection, &work(), &journal).await);
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    journal.wait(1).await;
    // What one has no use for is the other's.
    let last = workers.remove(0);
    last.stop().await;
    eventually("the other's share", async || {
        let info = onlooker.tasks(&queues[1]).info().await.unwrap();
        info.consumers >= 60
    })
    .await;
    for worker in workers {
        worker.stop().await;
    }
}
