//! Subscriptions: transient ones go with their subscriber; durable ones are shared by a group, keep what it missed, and
//! try again what failed.

use harness::{eventually, within};
use leveret::{Connection, DeathReason, Events, Message, Outcome, TaskQueue, Worker};

use crate::world::{Gate, Journal, TENTH, World, quick};

fn logs() -> Events<String> {
    Events::topic("logs")
}

async fn listen(connection: &Connection, group: Option<&str>, journal: &Journal) -> Worker {
    let journal = journal.clone();
    let mut subscription = connection.subscribe(&logs()).key("#").concurrency(1);
    if let Some(group) = group {
        subscription = subscription.durable(group);
    }
    subscription
        .start(move |event: String, message: Message| {
            journal.note(event, &message);
            async {}
        })
        .await
        .expect("a subscription")
}

async fn publish(connection: &Connection, event: &str) {
    let publisher = connection.events(&logs());
    let event = publisher.publish(&event.to_owned()).key("kern.info");
    event.await.unwrap();
}

#[tokio::test]
async fn a_transient_queue_goes_with_its_subscriber() {
    let world = World::new().await;
    let (subscriber, publisher) = (world.connect().await, world.connect().await);
    let journal = Journal::default();
    let worker = listen(&subscriber, None, &journal).await;
    publish(&publisher, "heard").await;
    let queue = journal.wait(1).await.remove(0).queue;
    assert!(queue.starts_with("leveret.e."), "{queue}");
    within("the worker's end", worker.stop()).await;
    let raw = world.raw().await;
    eventually("the end of the queue", async || {
        raw.queue(&queue).await.is_none()
    })
    .await;
    publish(&publisher, "missed").await;
    let worker = listen(&subscriber, None, &journal).await;
    publish(&publisher, "heard again").await;
    journal.wait(2).await;
    worker.stop().await;
    assert_eq!(journal.jobs(), ["heard", "heard again"]);
}

#[tokio::test]
async fn a_transient_event_that_fails_is_dropped() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .subscribe(&logs())
        .key("#")
        .concurrency(1)
        .start(move |event: String, message: Message| {
            noted.note(&*event, &message);
            assert!(event != "panic", "an event that is bad");
            async move {
                match &*event {
                    "retry" => message.retry("later").await.unwrap(),
                    "reject" => message.reject("never").await.unwrap(),
                    _ => {}
                }
                Err::<(), _>("no")
            }
        })
        .await
        .unwrap();
    let events = ["fail", "retry", "reject", "panic", "last"];
    for event in events {
        publish(&connection, event).await;
    }
    journal.wait(5).await;
    within("the worker's end", worker.stop()).await;
    assert_eq!(journal.jobs(), events);
}

#[tokio::test]
async fn a_group_shares_its_events_and_groups_do_not() {
    let world = World::new().await;
    let gate = Gate::default();
    let mut busy = Vec::new();
    let shared = Journal::default();
    // Two members that hold what they have, so that neither can take everything.
    for _ in 0..2 {
        let (noted, held) = (shared.clone(), gate.clone());
        let connection = world.connect().await;
        let subscription = connection.subscribe(&logs()).key("#").durable("audit");
        let worker = subscription
            .concurrency(1)
            .start(move |event: String, message: Message| {
                noted.note(event, &message);
                let held = held.clone();
                async move { held.passed().await }
            })
            .await
            .unwrap();
        busy.push(worker);
    }
    let alone = Journal::default();
    let connection = world.connect().await;
    let other = listen(&connection, Some("bills"), &alone).await;
    let names = ["a", "b", "c", "d"];
    for name in names {
        publish(&connection, name).await;
    }
    alone.wait(4).await;
    assert_eq!(alone.jobs(), names);
    shared.wait(2).await;
    assert_eq!(world.ready("logs.audit").await, 2);
    gate.open();
    let runs = shared.wait(4).await;
    assert_eq!(shared.sorted(), names);
    assert_eq!(runs[0].queue, world.named("logs.audit"));
    for worker in busy.iter().chain([&other]) {
        within("the worker's end", worker.stop()).await;
    }
    assert_eq!(world.ready("logs.audit").await, 0);
}

#[tokio::test]
async fn a_durable_subscription_keeps_what_its_group_missed() {
    let world = World::new().await;
    let (subscriber, publisher) = (world.connect().await, world.connect().await);
    let journal = Journal::default();
    publish(&publisher, "before the group").await;
    let worker = listen(&subscriber, Some("audit"), &journal).await;
    within("the worker's end", worker.stop()).await;
    within("the end of the connection", subscriber.close()).await;
    publish(&publisher, "missed").await;
    let queue = world.broker.queue(&world.named("logs.audit")).await;
    assert!(queue.is_some_and(|queue| queue.durable));
    let worker = listen(&publisher, Some("audit"), &journal).await;
    journal.wait(1).await;
    within("the worker's end", worker.stop()).await;
    assert_eq!(journal.jobs(), ["missed"]);
}

#[tokio::test]
async fn a_failed_event_is_tried_again_as_it_came_and_by_its_group_alone() {
    let world = World::new().await;
    let connection = world.connect().await;
    let other = Journal::default();
    let others = listen(&connection, Some("bills"), &other).await;
    let journal = Journal::default();
    let noted = journal.clone();
    let worker = connection
        .subscribe(&logs())
        .key("kern.*")
        .durable("audit")
        .retry(quick(3))
        .start(move |event: String, message: Message| {
            noted.note(event, &message);
            assert_eq!(message.header("team"), Some("blue"));
            async { Outcome::retry("no") }
        })
        .await
        .unwrap();
    let publisher = connection.events(&logs());
    let event = publisher.publish(&"a".to_owned()).key("kern.info");
    let id = event.metadata("team", "blue").await.unwrap().to_string();
    let runs = journal.wait(3).await;
    assert_eq!(journal.attempts(), [1, 2, 3]);
    for run in runs {
        assert_eq!(
            (&*run.exchange, &*run.routing_key),
            (&*world.named("logs"), "kern.info")
        );
        assert_eq!(run.id.as_deref(), Some(&*id));
    }
    // Its dead letters are those of a queue of tasks.
    let queue = connection.tasks(&TaskQueue::<String>::new("logs.audit"));
    let letter = world.dead_letter(&queue).await;
    assert_eq!(
        (letter.reason(), letter.attempts()),
        (DeathReason::Attempts, 3)
    );
    assert_eq!(letter.header("leveret-routing-key"), Some("kern.info"));
    letter.retry().await.unwrap();
    let again = journal.wait(4).await.remove(3);
    assert_eq!((again.attempt, &*again.routing_key), (1, "kern.info"));
    assert_eq!(again.exchange, world.named("logs"));
    for worker in [worker, others] {
        within("the worker's end", worker.stop()).await;
    }
    assert_eq!(other.jobs(), ["a"]);
}

#[tokio::test]
async fn events_that_have_waited_too_long_expire() {
    let world = World::new().await;
    let connection = world.connect().await;
    let journal = Journal::default();
    let worker = listen(&connection, Some("audit"), &journal).await;
    within("the worker's end", worker.stop()).await;
    let publisher = connection.events(&logs());
    let brief = publisher.publish(&"a".to_owned()).key("k");
    brief.expires(TENTH / 10).await.unwrap();
    let queue = connection.tasks(&TaskQueue::<String>::new("logs.audit"));
    let letter = world.dead_letter(&queue).await;
    assert_eq!(letter.reason(), DeathReason::Expired);
    assert_eq!(letter.job().unwrap(), "a");
    // It is the broker's letter; tried again it is the event that it was.
    letter.retry().await.unwrap();
    let worker = listen(&connection, Some("audit"), &journal).await;
    let run = journal.wait(1).await.remove(0);
    let came_by = (&*run.exchange, &*run.routing_key);
    assert_eq!(came_by, (&*world.named("logs"), "k"));
    within("the worker's end", worker.stop()).await;
}

/// The queue of a durable subscription may have a longer name than tasks need.
#[tokio::test]
async fn a_group_of_long_names_has_dead_letters_too() {
    let world = World::new().await;
    let connection = world.connect().await;
    let (name, group) = ("e".repeat(60), "g".repeat(60));
    let events = Events::<String>::fanout(&*name);
    let subscription = connection.subscribe(&events).durable(&*group);
    let worker = subscription
        .start(async |_: String, _| Outcome::reject("no"))
        .await
        .unwrap();
    let event = connection.events(&events).publish(&"a".to_owned());
    event.await.unwrap();
    let queue = connection.tasks(&TaskQueue::<String>::new(format!("{name}.{group}")));
    let letter = world.dead_letter(&queue).await;
    assert_eq!(letter.reason(), DeathReason::Rejected);
    within("the worker's end", worker.stop()).await;
    let long = "q".repeat(190 - world.namespace.len());
    for (name, fits) in [(long.clone(), true), (long + "q", false)] {
        let tasks = connection.tasks(&TaskQueue::<String>::new(name));
        let pushed = tasks.push(&"a".to_owned()).await;
        let code = pushed.err().map(|error| error.code());
        assert_eq!(code.is_none(), fits, "{code:?}");
    }
}
