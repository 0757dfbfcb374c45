//! Priorities: in a queue that has them, the more urgent task is handed out first.

use leveret::{Message, QueueOptions};

use crate::world::{Journal, TENTH, World, noting, work};

#[tokio::test]
async fn urgent_tasks_overtake_others() {
    let world = World::new().await;
    let connection = world.connect().await;
    let queue = work().options(QueueOptions::classic().max_priority(5));
    let tasks = connection.tasks(&queue);
    for (job, priority) in [("low", 1), ("urgent", 5), ("middle", 3), ("also urgent", 5)] {
        tasks
            .push(&job.to_owned())
            .priority(priority)
            .await
            .unwrap();
    }
    tasks.push(&"none".to_owned()).await.unwrap();
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .worker(&queue)
        .concurrency(1)
        .start(move |job: String, message: Message| {
            noted.note(format!("{job} {:?}", message.priority()), &message);
            async {}
        })
        .await
        .unwrap();
    journal.wait(5).await;
    assert_eq!(
        journal.jobs(),
        [
            "urgent Some(5)",
            "also urgent Some(5)",
            "middle Some(3)",
            "low Some(1)",
            "none None"
        ]
    );
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn a_delayed_task_keeps_its_priority() {
    let world = World::new().await;
    let connection = world.connect().await;
    let queue = work().options(QueueOptions::classic().max_priority(5));
    let tasks = connection.tasks(&queue);
    tasks.push(&"low".to_owned()).priority(1).await.unwrap();
    let urgent = tasks.push(&"urgent".to_owned()).priority(5);
    urgent.delay(TENTH).await.unwrap();
    world.wait_ready("work", 2).await;
    let journal = Journal::default();
    let worker = noting(&connection, &queue, &journal).await;
    journal.wait(2).await;
    assert_eq!(journal.jobs(), ["urgent", "low"]);
    world.assert_all_settled(worker).await;
}
