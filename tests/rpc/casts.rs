//! Casts: the promise is the broker's confirm, and whatever becomes of one, it happens once.

use harness::eventually;
use leveret::{Code, Executed, ServiceOptions};
use serde_json::json;

use crate::world::{World, millis};

#[tokio::test]
async fn a_cast_returns_when_the_broker_has_it() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let probe = world.client().await;
    // Nobody serves: only the broker can have made it return.
    probe.note("a".into()).await.unwrap();
    assert_eq!(raw.queue(&world.queue()).await, Some((1, 0)));
    let _served = world.serve().await;
    world.stage.wait("note a").await;
}

#[tokio::test]
async fn a_cast_has_no_reply_address_and_no_end_unless_asked() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let mut requests = raw.consume(&world.queue(), 0).await;
    let client = world.connect().await.client();
    client.cast("probe", "note", &["a"]).await.unwrap();
    let cast = requests.next().await.message;
    assert_eq!(cast.reply_to, None);
    assert_eq!(cast.expiration, None);
    assert_eq!(cast.kind.as_deref(), Some("note"));
    assert_eq!(cast.message_id.map(|id| id.len()), Some(36));
    let expires = client.cast("probe", "note", &["b"]).expires(millis(1_500));
    expires.await.unwrap();
    let cast = requests.next().await.message;
    assert_eq!(cast.expiration.as_deref(), Some("1500"));
}

#[tokio::test]
async fn an_expired_cast_is_not_executed() {
    let world = World::new().await;
    let raw = world.raw().await;
    raw.declare(&world.queue()).await;
    let probe = world.client().await;
    probe.note("late".into()).expires(millis(50)).await.unwrap();
    probe.note("kept".into()).await.unwrap();
    eventually("the first expires", async || {
        raw.queue(&world.queue()).await == Some((1, 0))
    })
    .await;
    let served = world.serve().await;
    world.stage.wait("note kept").await;
    world.assert_all_acked(served).await;
    assert_eq!(world.stage.events(), ["note kept"]);
}

#[tokio::test]
async fn a_cast_that_fails_is_acknowledged_and_not_repeated() {
    let world = World::new().await;
    let served = world.serve_with(ServiceOptions::new().concurrency(1)).await;
    let client = world.connect().await.client();
    let cast = async |method: &str, arguments: serde_json::Value| {
        let cast = client.cast("probe", method, &arguments);
        cast.await.expect("the broker has it");
    };
    cast("note_or_fail", json!(["a"])).await;
    cast("panic", json!([])).await;
    cast("no_such_method", json!([])).await;
    cast("note", json!({"lines": "b"})).await;
    cast("note", json!(["c"])).await;
    world.stage.wait("note c").await;
    world.assert_all_acked(served).await;
    assert_eq!(world.stage.events(), ["note a", "note c"]);
}

#[tokio::test]
async fn casts_keep_their_order_for_one_worker() {
    let world = World::new().await;
    let _served = world.serve_with(ServiceOptions::new().concurrency(1)).await;
    let probe = world.client().await;
    let lines: Vec<_> = (0..50).map(|n| n.to_string()).collect();
    for line in &lines {
        probe.note(line.clone()).await.unwrap();
    }
    world.stage.wait_count("note", lines.len()).await;
    let expected: Vec<_> = lines.iter().map(|line| format!("note {line}")).collect();
    assert_eq!(world.stage.events(), expected);
}

#[tokio::test]
async fn a_full_queue_refuses_casts() {
    let world = World::new().await;
    let served = world
        .serve_with(ServiceOptions::new().queue(leveret::QueueOptions::classic().max_length(1)))
        .await;
    served.server.stop().await;
    let probe = world.client().await;
    probe.note("fits".into()).await.unwrap();
    let error = probe.note("too much".into()).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert_eq!(error.executed(), Executed::Maybe);
    assert!(error.retryable());
}
