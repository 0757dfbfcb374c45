//! A broker that is short of memory, that goes away and comes back, or that has a management API.

mod management;

use std::time::{Duration, Instant};

use harness::{Broker, eventually, within};
use leveret::{Code, ConnectionState, Executed, Message, Outcome, QueueOptions, TaskQueue};

use crate::world::{Gate, Journal, TENTH, World, holding, noting, quick, work};

async fn own_world() -> World {
    let broker = Broker::own().await;
    let namespace = broker.namespace();
    World { broker, namespace }
}

#[tokio::test]
async fn a_push_waits_for_memory_inside_its_time_limit() {
    let world = own_world().await;
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    tasks.push(&"a".to_owned()).await.unwrap();
    world.broker.set_memory_alarm(true).await;
    // RabbitMQ tells a connection that it is blocked when it next publishes.
    let first = tasks.push(&"b".to_owned()).timeout(5 * TENTH);
    let first = first.await.unwrap_err();
    assert_eq!(first.code(), Code::DeadlineExceeded);
    assert_eq!(first.executed(), Executed::Maybe);
    let mut states = connection.states();
    within("the alarm", states.reached(ConnectionState::Blocked)).await;
    let second = tasks.push(&"c".to_owned()).timeout(5 * TENTH);
    let second = second.await.unwrap_err();
    assert_eq!(second.code(), Code::DeadlineExceeded);

    let patient = tasks.clone().with_timeout(Duration::from_secs(60));
    let waiting = tokio::spawn(async move { patient.push(&"d".to_owned()).await });
    world.broker.set_memory_alarm(false).await;
    within("the push", waiting).await.unwrap().unwrap();
    // What was on its way to a broker that did not read may have come; what was never sent has not.
    let waiting = world.ready("work").await;
    let journal = Journal::default();
    let worker = noting(&connection, &work(), &journal).await;
    journal.wait(waiting as usize).await;
    world.assert_all_settled(worker).await;
    let mut jobs = journal.sorted();
    jobs.retain(|job| job != "b");
    assert_eq!(jobs, ["a", "d"]);
}

#[tokio::test]
async fn tasks_events_and_dead_letters_outlive_the_broker() {
    let mut world = own_world().await;
    let quorum = TaskQueue::<String>::new("quorum")
        .options(QueueOptions::quorum())
        .retry(quick(2));
    let connection = world.connect().await;
    let (plain, replicated) = (connection.tasks(&work()), connection.tasks(&quorum));
    let logs = leveret::Events::<String>::fanout("logs");
    let none = Journal::default();
    let audit = async |journal: &Journal| {
        let noted = journal.clone();
        let subscription = connection.subscribe(&logs).durable("audit");
        subscription
            .start(move |event: String, message: Message| {
                noted.note(event, &message);
                async {}
            })
            .await
            .unwrap()
    };
    audit(&none).await.stop().await;
    connection
        .events(&logs)
        .publish(&"event".to_owned())
        .await
        .unwrap();
    let queues = [("work", &plain), ("quorum", &replicated)];
    // They make the delay queues, and are gone before the crash: a classic queue passes on without confirms.
    for (name, tasks) in queues {
        let pilot = tasks.push(&"pilot".to_owned());
        pilot.delay(8 * TENTH).await.unwrap();
        world.wait_ready(name, 1).await;
        tasks.purge().await.unwrap();
    }
    for (name, tasks) in queues {
        // First, since RabbitMQ ends what has expired when it comes to the head of its queue.
        let brief = tasks.push(&"expired".to_owned()).expires(TENTH / 10);
        brief.await.unwrap();
        world.wait_ready(&format!("{name}.dead"), 1).await;
        tasks.push(&"now".to_owned()).await.unwrap();
        world.wait_ready(name, 1).await;
    }
    world.broker.write_queue_list().await;
    for (_, tasks) in queues {
        let later = tasks.push(&"later".to_owned());
        later.delay(15 * TENTH).await.unwrap();
    }
    world.broker.kill().await;
    let mut states = connection.states();
    within("the loss", states.reached(ConnectionState::Reconnecting)).await;
    world.broker.restart().await;

    let (events, journal, other) = (Journal::default(), Journal::default(), Journal::default());
    let _audit = audit(&events).await;
    let worker = noting(&connection, &work(), &journal).await;
    let quorum_worker = noting(&connection, &quorum, &other).await;
    for journal in [&journal, &other] {
        journal.wait(2).await;
        assert_eq!(journal.jobs(), ["now", "later"]);
    }
    events.wait(1).await;
    for tasks in [plain, replicated] {
        assert_eq!(world.dead_letter(&tasks).await.job().unwrap(), "expired");
    }
    world.assert_all_settled(worker).await;
    quorum_worker.stop().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_memory_longer_than_its_grace() {
    for keyed in [false, true] {
        let queue = if keyed { work().keyed(1) } else { work() };
        let world = own_world().await;
        let (connection, pusher) = (world.connect().await, world.connect().await);
        let tasks = pusher.tasks(&queue);
        let push = tasks.push(&"a".to_owned());
        let push = if keyed { push.key("k") } else { push };
        push.await.unwrap();
        let (journal, gate) = (Journal::default(), Gate::default());
        let (noted, passed) = (journal.clone(), gate.clone());
        let worker = connection.worker(&queue).grace(TENTH);
        let worker = worker
            .start(move |job: String, message: Message| {
                noted.note(job, &message);
                let gate = passed.clone();
                async move {
                    gate.passed().await;
                    Outcome::reject("no")
                }
            })
            .await
            .unwrap();
        journal.wait(1).await;
        world.broker.set_memory_alarm(true).await;
        gate.open();
        let start = Instant::now();
        within("the worker's end", worker.stop()).await;
        assert!(start.elapsed() < Duration::from_secs(20));
        world.broker.set_memory_alarm(false).await;
        // It is back, or a dead letter.
        eventually("the task", async || {
            let info = tasks.info().await.unwrap();
            info.ready + info.dead >= 1
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_done_at_a_stop_is_not_given_back_for_want_of_its_mark() {
    let world = own_world().await;
    let (connection, pusher) = (world.connect().await, world.connect().await);
    let push = pusher.tasks(&work());
    push.push(&"a".to_owned()).dedup("k").await.unwrap();
    let (journal, gate) = (Journal::default(), Gate::default());
    let worker = connection.worker(&work()).grace(TENTH);
    let worker = holding(worker, &journal, &gate).await;
    journal.wait(1).await;
    world.broker.set_memory_alarm(true).await;
    gate.open();
    within("the worker's end", worker.stop()).await;
    within("the end of the connection", connection.close()).await;
    assert_eq!(world.ready("work").await, 0);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_the_mark_of_a_suspect_or_begin_it() {
    let world = own_world().await;
    let queue = work().keyed(1);
    let tasks = world.connect().await.tasks(&queue);
    tasks.push(&"a".to_owned()).key("k").await.unwrap();
    let taker = world.raw().await;
    let taken = taker.consume(&world.named("work.p0"), 1).await.next().await;
    taken.nack(true).await;
    world.broker.set_memory_alarm(true).await;
    let journal = Journal::default();
    let connection = world.connect().await;
    let worker = noting(&connection, &queue, &journal).await;
    world.wait_consumed("work.p0").await;
    let start = Instant::now();
    within("the worker's end", worker.stop()).await;
    assert!(start.elapsed() < Duration::from_secs(20));
    world.wait_ready("work.p0", 1).await;
    assert_eq!(journal.jobs(), [""; 0]);
}
