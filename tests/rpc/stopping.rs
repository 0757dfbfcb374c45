//! Stopping loses nothing: what runs is answered, what has not begun goes to another server, and the time is bounded.

use std::time::Instant;

use harness::{Process, Signal, eventually, within};
use leveret::{Code, ConnectionState, Executed, ServiceOptions};
use serde_json::json;

use crate::acks::server_process;
use crate::probe::{ProbeClient, ProbeServer, Stage};
use crate::world::{LONG, World, failed, failure, json_request, millis};

#[tokio::test]
async fn a_stop_answers_what_runs_and_gives_back_what_does_not() {
    let world = World::new().await;
    let (stopping, next) = (Stage::new(), Stage::new());
    let options = ServiceOptions::new().concurrency(1).prefetch(10);
    let first = world.serve_stage(&stopping, options).await;
    let probe = world.client().await;
    let hold = |id: &str| tokio::spawn(probe.hold(id.into()).timeout(LONG).into_future());
    let running = hold("running");
    stopping.wait("start running").await;
    let waiting = ["a", "b", "c"].map(hold);
    let raw = world.raw().await;
    // The confirmed cast comes after the calls: with the queue empty the server has all of them.
    probe.note("after".into()).await.unwrap();
    eventually("all are at the server", async || {
        raw.queue(&world.queue()).await == Some((0, 1))
    })
    .await;

    let server = first.server;
    let stop = tokio::spawn(async move { server.stop().await });
    // They are there for another server while the first is still at work.
    eventually("what waited is back", async || {
        raw.queue(&world.queue()).await == Some((3, 0))
    })
    .await;
    assert!(!stop.is_finished(), "did not wait for the handler");
    next.release_all();
    let _second = world.serve_stage(&next, ServiceOptions::new()).await;
    for (call, id) in waiting.into_iter().zip(["a", "b", "c"]) {
        let answer = within("another server's answer", call).await;
        assert_eq!(answer.unwrap().unwrap(), id);
    }
    stopping.release("running");
    let answer = within("the running call", running).await;
    assert_eq!(answer.unwrap().unwrap(), "running");
    within("the stop", stop).await.unwrap();
    // A cast that went back would be marked as redelivered, and dropped.
    let expected = ["start running", "end running", "note after"];
    assert_eq!(stopping.events(), expected);
}

#[tokio::test]
async fn handlers_that_outlast_the_grace_time_are_stopped() {
    let world = World::new().await;
    let connection = world.connect().await;
    let server = connection
        .server()
        .service(ProbeServer::new(world.stage.clone()))
        .grace(millis(200))
        .start()
        .await
        .unwrap();
    let probe = world.client().await;
    let call = tokio::spawn(probe.hold("a".into()).timeout(LONG).into_future());
    let thread = probe.hold_thread("b".into()).timeout(LONG);
    let thread = tokio::spawn(thread.into_future());
    world.stage.wait_all(&["start a", "start b"]).await;
    let start = Instant::now();
    within("the stop", server.stop()).await;
    assert!(start.elapsed() >= millis(200), "no grace at all");
    for error in [
        within("an answer", call).await.unwrap().unwrap_err(),
        within("an answer", thread).await.unwrap().unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::Unavailable);
        assert_eq!(error.executed(), Executed::Maybe);
    }
    world.stage.wait_all(&["stop a", "cancelled b"]).await;
    world.stage.release("b");
    let raw = world.raw().await;
    assert_eq!(raw.queue(&world.queue()).await, Some((0, 0)), "came back");
}

#[tokio::test]
async fn what_cannot_start_within_the_grace_time_is_refused() {
    let world = World::new().await;
    let connection = world.connect().await;
    let options = ServiceOptions::new().concurrency(1).prefetch(2);
    let server = connection
        .server()
        .service_with(ProbeServer::new(world.stage.clone()), options)
        .grace(millis(200))
        .start()
        .await
        .unwrap();
    let raw = world.raw().await;
    let answers = raw.declare_reply_queue().await;
    let mut replies = raw.consume(&answers, 0).await;
    for id in ["a", "b"] {
        let mut request = json_request("hold", &json!({ "id": id }));
        request.reply_to = Some(answers.clone());
        assert!(raw.publish("", &world.queue(), request).await);
    }
    world.stage.wait("start a").await;
    eventually("both are at the server", async || {
        raw.queue(&world.queue()).await == Some((0, 1))
    })
    .await;
    within("the stop", server.stop()).await;
    let mut seen = [replies.next().await, replies.next().await].map(|r| failure(&r.message));
    seen.sort();
    let expected = [failed("Unavailable", "maybe"), failed("Unavailable", "no")];
    assert_eq!(seen, expected);
    assert_eq!(world.stage.events(), ["start a", "stop a"]);
    assert_eq!(raw.queue(&world.queue()).await, Some((0, 0)));
}

#[tokio::test]
async fn a_stopped_server_takes_nothing_more() {
    let world = World::new().await;
    let served = world.serve().await;
    let probe = world.client().await;
    assert_eq!(probe.add(1, Some(1)).await.unwrap(), 2);
    served.server.stop().await;
    let raw = world.raw().await;
    assert_eq!(raw.queue(&world.queue()).await, Some((0, 0)));
    probe.note("later".into()).await.unwrap();
    assert_eq!(raw.queue(&world.queue()).await, Some((1, 0)));
    // Its connection is still good for another one.
    let server = served
        .connection
        .server()
        .service(ProbeServer::new(world.stage.clone()))
        .start();
    let _server = server.await.unwrap();
    world.stage.wait("note later").await;
}

#[tokio::test]
async fn dropping_a_server_stops_it_in_order_too() {
    let world = World::new().await;
    let served = world.serve().await;
    let probe = world.client().await;
    let call = tokio::spawn(probe.hold("a".into()).timeout(LONG).into_future());
    world.stage.wait("start a").await;
    drop(served.server);
    let raw = world.raw().await;
    eventually("the consumer is gone", async || {
        raw.queue(&world.queue()).await == Some((0, 0))
    })
    .await;
    world.stage.release("a");
    assert_eq!(within("the answer", call).await.unwrap().unwrap(), "a");
}

#[tokio::test]
async fn closing_a_connection_ends_its_calls_at_once() {
    let world = World::new().await;
    let _served = world.serve().await;
    let connection = world.connect().await;
    let probe = ProbeClient::new(&connection);
    let call = tokio::spawn(probe.hold("a".into()).timeout(LONG).into_future());
    world.stage.wait("start a").await;
    within("the close", connection.close()).await;
    assert_eq!(connection.state(), ConnectionState::Closed);
    let error = within("the call's end", call).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(error.executed(), Executed::Maybe);
    let error = probe.add(1, None).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(error.executed(), Executed::No);
}

async fn terminate(server: &mut Process) {
    server.signal(Signal::TERM);
    assert!(server.wait().await.success(), "{:?}", server.lines());
}

#[tokio::test]
async fn a_signal_stops_a_process_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let world = World::new().await;
        let mut server = server_process(&world).await;
        let client = world.connect().await.client().with_timeout(LONG);
        let call = client.call::<String>("probe", "work", &("a", 1_000));
        let call = tokio::spawn(call.into_future());
        server.wait_line("start a").await;
        let raw = world.raw().await;
        let waiting = json_request("text", &json!("b"));
        assert!(raw.publish("", &world.queue(), waiting).await);
        server.signal(signal);
        let answer = within("the running call", call).await;
        assert_eq!(answer.unwrap().unwrap(), "a");
        assert!(server.wait().await.success(), "{:?}", server.lines());
        assert_eq!(raw.queue(&world.queue()).await, Some((1, 0)));
    }
}

#[tokio::test]
async fn a_second_signal_ends_the_grace_time() {
    let world = World::new().await;
    let mut server = server_process(&world).await;
    let raw = world.raw().await;
    let answers = raw.declare_reply_queue().await;
    let mut replies = raw.consume(&answers, 0).await;
    let mut request = json_request("hold", &json!({"id": "a"}));
    request.reply_to = Some(answers);
    assert!(raw.publish("", &world.queue(), request).await);
    server.wait_line("start a").await;
    server.signal(Signal::TERM);
    eventually("the server takes nothing more", async || {
        raw.queue(&world.queue()).await == Some((0, 0))
    })
    .await;
    terminate(&mut server).await;
    let reply = replies.next().await.message;
    assert_eq!(failure(&reply), failed("Unavailable", "maybe"));
}

#[tokio::test]
async fn servers_are_replaced_under_load_without_losing_a_call() {
    let world = World::new().await;
    let mut server = server_process(&world).await;
    let client = world.connect().await.client().with_timeout(LONG);
    let calls: Vec<_> = (0..300)
        .map(|n| {
            let call = client.call::<String>("probe", "work", &(n.to_string(), 2));
            tokio::spawn(call.into_future())
        })
        .collect();
    for round in 1..=3 {
        server.wait_lines("start", 20).await;
        let next = server_process(&world).await;
        terminate(&mut server).await;
        assert!(round < 3 || !calls.iter().all(|call| call.is_finished()));
        server = next;
    }
    for (n, call) in calls.into_iter().enumerate() {
        let answer = within("an answer", call).await;
        assert_eq!(answer.unwrap().unwrap(), n.to_string());
    }
}
