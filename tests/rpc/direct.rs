//! Direct reply-to, for callers that may not declare queues: the same promises on another reply path.

use harness::within;
use leveret::{CallError, Code, Executed, ReplyPath};

use crate::probe::{ProbeClient, ProbeError};
use crate::world::{LONG, World};

impl World {
    async fn direct(&self) -> ProbeClient {
        let connection = self.builder().reply_path(ReplyPath::Direct).connect().await;
        ProbeClient::new(&connection.expect("a connection"))
    }
}

#[tokio::test]
async fn values_and_errors_come_back() {
    let world = World::new().await;
    let served = world.serve().await;
    let probe = world.direct().await;
    assert_eq!(probe.add(1, Some(2)).await.unwrap(), 3);
    assert_eq!(probe.big(300_000).await.unwrap().len(), 300_000);
    match probe.divide(7, 0).await {
        Err(CallError::Domain(ProbeError::DivisionByZero { dividend: 7 })) => {}
        other => panic!("{other:?}"),
    }
    let error = probe.panic().await.unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    probe.note("a".into()).await.unwrap();
    world.stage.wait("note a").await;
    world.assert_all_acked(served).await;
}

#[tokio::test]
async fn the_request_names_the_pseudo_queue() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let mut requests = raw.consume(&world.queue(), 0).await;
    let call = tokio::spawn(world.direct().await.add(1, None).into_future());
    let reply_to = requests.next().await.message.reply_to.expect("an address");
    // The broker has put a real address in its place.
    assert!(reply_to.starts_with("amq.rabbitmq.reply-to."), "{reply_to}");
    call.abort();
}

#[tokio::test]
async fn a_missing_service_is_known_at_once() {
    let world = World::new().await;
    let probe = world.direct().await;
    let error = probe.add(1, None).timeout(LONG).await.unwrap_err();
    assert_eq!(error.code(), Code::NoSuchService);
    assert_eq!(error.executed(), Executed::No);
}

#[tokio::test]
async fn many_calls_at_once_each_get_their_own_answer() {
    let world = World::new().await;
    let _served = world.serve().await;
    let probe = world.direct().await;
    let calls: Vec<_> = (0..500)
        .map(|n| tokio::spawn(probe.add(n, Some(n)).timeout(LONG).into_future()))
        .collect();
    for (n, call) in (0..).zip(calls) {
        let sum = within("an answer", call).await.unwrap().unwrap();
        assert_eq!(sum, 2 * n);
    }
    assert_eq!(probe.client().unclaimed_replies(), 0);
}

#[tokio::test]
async fn dropping_the_call_stops_its_handler() {
    let world = World::new().await;
    let _served = world.serve().await;
    let probe = world.direct().await;
    let call = tokio::spawn(probe.hold("a".into()).timeout(LONG).into_future());
    world.stage.wait("start a").await;
    call.abort();
    world.stage.wait("stop a").await;
}
