//! What is in flight is bounded: at the cap calls wait inside their deadline, or fail where they are told to.

use harness::{eventually, within};
use leveret::{Code, Executed, ServiceOptions};

use crate::probe::ProbeClient;
use crate::world::{LONG, World, millis};

#[tokio::test]
async fn at_the_cap_calls_wait_for_one_to_end() {
    let world = World::new().await;
    let _served = world.serve().await;
    let connection = world.builder().in_flight(4, 64 << 20).connect().await;
    let probe = ProbeClient::new(&connection.unwrap());
    let hold = |id: &str| tokio::spawn(probe.hold(id.into()).timeout(LONG).into_future());
    let mut held = ["a", "b", "c", "d"].map(hold).into_iter();
    world
        .stage
        .wait_all(&["start a", "start b", "start c", "start d"])
        .await;

    let refused = probe.hold("no".into()).try_now().await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.executed(), Executed::No);
    assert!(refused.retryable());
    let late = probe.hold("no".into()).timeout(millis(200)).await;
    let late = late.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    assert_eq!(late.executed(), Executed::No);

    let fifth = hold("e");
    // A clone of the client has the same limits; a client of another connection has its own.
    let clone = ProbeClient::new(probe.client()).hold("no".into()).try_now();
    assert_eq!(clone.await.unwrap_err().code(), Code::ResourceExhausted);
    let other = world.client().await;
    assert_eq!(other.add(1, Some(1)).await.unwrap(), 2);
    assert_eq!(world.stage.count("start e"), 0, "the fifth was sent");
    world.stage.release("a");
    world.stage.wait("start e").await;
    assert_eq!(world.stage.count("start no"), 0);
    world.stage.release_all();
    let first = held.next().unwrap();
    assert_eq!(within("the first", first).await.unwrap().unwrap(), "a");
    assert_eq!(within("the fifth", fifth).await.unwrap().unwrap(), "e");
}

#[tokio::test]
async fn dropped_calls_give_their_places_back() {
    let world = World::new().await;
    let _served = world.serve().await;
    let connection = world.builder().in_flight(2, 64 << 20).connect().await;
    let probe = ProbeClient::new(&connection.unwrap());
    for round in 0..3 {
        let ids = [format!("{round}a"), format!("{round}b")];
        let calls = ids.clone().map(|id| {
            let call = probe.hold(id).timeout(LONG);
            tokio::spawn(call.into_future())
        });
        for id in &ids {
            world.stage.wait(&format!("start {id}")).await;
        }
        // One that waits in vain must not take a place with it either.
        let waiting = tokio::spawn(probe.hold("no".into()).timeout(LONG).into_future());
        let full = probe.add(1, None).try_now().await.unwrap_err();
        assert_eq!(full.code(), Code::ResourceExhausted);
        waiting.abort();
        for call in calls {
            call.abort();
            let _ = call.await;
        }
    }
    assert_eq!(probe.add(1, Some(1)).await.unwrap(), 2);
    // A place is taken until the request has been confirmed, so it may come back a moment later.
    eventually("both places are free", async || {
        let two = [probe.add(1, Some(1)), probe.add(1, Some(2))];
        let [a, b] = two.map(|call| tokio::spawn(call.try_now().into_future()));
        a.await.unwrap().is_ok() && b.await.unwrap().is_ok()
    })
    .await;
}

#[tokio::test]
async fn the_bytes_in_flight_are_capped() {
    let world = World::new().await;
    let _served = world.serve().await;
    let limited = world
        .builder()
        .max_message_size(1_000)
        .in_flight(100, 1_500);
    let probe = ProbeClient::new(&limited.connect().await.unwrap());
    let id = "x".repeat(900);
    let first = tokio::spawn(probe.hold(id.clone()).timeout(LONG).into_future());
    world.stage.wait(&format!("start {id}")).await;
    let refused = probe.text("y".repeat(900)).try_now().await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.executed(), Executed::No);
    // There is room for a small one.
    assert_eq!(probe.text("y".into()).await.unwrap(), "y");
    let second = probe.text("y".repeat(900)).timeout(LONG).into_future();
    let second = tokio::spawn(second);
    world.stage.release_all();
    within("the first", first).await.unwrap().unwrap();
    let text = within("the second", second).await.unwrap().unwrap();
    assert_eq!(text.len(), 900);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_not_sent() {
    let world = World::new().await;
    let _served = world.serve().await;
    let small = world.builder().max_message_size(1_000).connect().await;
    let probe = ProbeClient::new(&small.unwrap());
    let error = probe.text("x".repeat(1_001)).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert_eq!(error.executed(), Executed::No);
    assert!(!error.retryable());
    assert_eq!(probe.text("x".repeat(900)).await.unwrap().len(), 900);
}

#[tokio::test]
async fn limits_that_make_no_sense_are_refused() {
    let world = World::new().await;
    for builder in [
        world.builder().in_flight(0, 1 << 30),
        world.builder().in_flight(1, 0),
        world.builder().max_message_size(0),
        world.builder().in_flight(1, 1_000),
    ] {
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn the_server_runs_no_more_than_it_was_told_to() {
    let world = World::new().await;
    let options = ServiceOptions::new().concurrency(3).prefetch(50);
    let _served = world.serve_with(options).await;
    let probe = world.client().await;
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let call = probe.hold(n.to_string()).timeout(LONG);
            tokio::spawn(call.into_future())
        })
        .collect();
    let raw = world.raw().await;
    eventually("all are at the server", async || {
        raw.queue(&world.queue()).await == Some((0, 1))
    })
    .await;
    world.stage.wait_count("start", 3).await;
    for n in 0..20 {
        world.stage.release(&n.to_string());
    }
    for call in calls {
        within("a call", call).await.unwrap().unwrap();
    }
    let mut running = 0;
    for event in world.stage.events() {
        running += if event.starts_with("start") { 1 } else { -1 };
        assert!(running <= 3, "{running} at once");
    }
}
