//! A broker that is short of memory, that goes away and comes back, or that has a management API.

mod management;

use std::time::Duration;

use harness::{Broker, within};
use leveret::{Code, ConnectionState, Executed};

use crate::world::{Journal, TENTH, World, noting, work};

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
    let connection = world.connect().await;
    let tasks = connection.tasks(&work());
    let logs = leveret::Events::<String>::fanout("logs");
    let none = Journal::default();
    let audit = async |journal: &Journal| {
        let noted = journal.clone();
        let subscription = connection.subscribe(&logs).durable("audit");
        subscription
            .start(move |event: String, message: leveret::Message| {
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
    tasks.push(&"now".to_owned()).await.unwrap();
    let brief = tasks.push(&"expired".to_owned()).expires(TENTH / 10);
    brief.await.unwrap();
    let later = tasks.push(&"later".to_owned());
    later.delay(15 * TENTH).await.unwrap();
    world.broker.kill().await;
    let mut states = connection.states();
    within("the loss", states.reached(ConnectionState::Reconnecting)).await;
    world.broker.restart().await;

    let (events, journal) = (Journal::default(), Journal::default());
    let _audit = audit(&events).await;
    let worker = noting(&connection, &work(), &journal).await;
    journal.wait(2).await;
    events.wait(1).await;
    assert_eq!(journal.jobs(), ["now", "later"]);
    assert_eq!(world.dead_letter(&tasks).await.job().unwrap(), "expired");
    world.assert_all_settled(worker).await;
}
