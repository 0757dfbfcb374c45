//! How the work on a partition ends while its handlers still run: nobody else begins before they have ended, and what
//! goes back keeps its order.

use std::time::Duration;

use futures_util::poll;
use harness::{eventually, within};
use leveret::{Code, Declare, Executed, QueueOptions, TaskQueue};

use super::{answers, buy, shopper};
use crate::probe::ProbeServer;
use crate::shop::{ONE_EACH, ShopServer, Till, assert_in_order, kinds};
use crate::world::World;

#[tokio::test]
async fn a_partition_that_is_deleted_is_kept_until_its_handlers_have_ended() {
    let world = World::new().await;
    let raw = world.raw().await;
    let one = world.open_shop("one").await;
    let shopper = shopper(&world).await;
    let running = buy(&shopper, "a", 0).await;
    world.stage.wait("start a/0").await;
    let queue = world.partition(3);
    world.broker.delete_queue(&queue).await;
    // It declares all the queues, so calls can be sent again.
    let _two = world.open_shop("two").await;
    let next = buy(&shopper, "a", 1).await;
    let server = one.server;
    let mut stop = std::pin::pin!(server.stop());
    assert!(poll!(&mut stop).is_pending());
    // The second has all the others then, and would have this one with them.
    for (partition, item) in ONE_EACH.into_iter().enumerate().take(3) {
        let sold = format!("two {item}/0");
        world.stage.release(&format!("{item}/0"));
        let sale = buy(&shopper, item, 0);
        let mut sale = within("the call is sent", sale).await;
        tokio::select! {
            answer = within("an answer", &mut sale) => drop(answer.unwrap()),
            () = &mut stop => panic!("it stopped while a/0 ran"),
        }
        eventually("the second server has it", async || {
            raw.queue(&world.partition(partition)).await == Some((0, 1))
        })
        .await;
        assert_eq!(world.stage.count(&sold), 1, "{:#?}", world.stage.events());
    }
    assert_eq!(raw.queue(&world.lock(3)).await, Some((0, 1)), "let go");
    assert_eq!(raw.queue(&queue).await, Some((1, 0)), "is consumed");
    world.stage.release_all();
    answers(vec![running]).await;
    within("the stop", stop).await;
    answers(vec![next]).await;
    assert_eq!(world.stage.count("two a/1"), 1);
    assert_in_order(&world.stage.events());
}

#[tokio::test]
async fn what_a_stop_gives_back_keeps_its_order() {
    for kind in kinds() {
        let world = World::new().await;
        let raw = world.raw().await;
        let one = world.open_shop_with("one", kind.clone()).await;
        let shopper = shopper(&world).await;
        let mut calls = Vec::new();
        for n in 0..6 {
            calls.push(buy(&shopper, "a", n).await);
        }
        world.stage.wait("start a/0").await;
        let queue = world.partition(3);
        eventually("all are at the server", async || {
            raw.queue(&queue).await == Some((0, 1))
        })
        .await;
        let server = one.server;
        let stop = tokio::spawn(async move { server.stop().await });
        eventually("the others do not count it any more", async || {
            raw.queue(&world.members()).await == Some((0, 0))
        })
        .await;
        let _two = world.open_shop_with("two", kind).await;
        assert_eq!(raw.queue(&queue).await.expect("the queue").0, 0, "is back");
        world.stage.release_all();
        answers(calls).await;
        within("the stop", stop).await.unwrap();
        assert_in_order(&world.stage.events());
        for n in 1..6 {
            let sold = format!("two a/{n}");
            assert_eq!(world.stage.count(&sold), 1, "{:#?}", world.stage.events());
        }
    }
}

#[tokio::test]
async fn a_grace_time_may_be_for_ever() {
    let world = World::new().await;
    let connection = world.connect().await;
    let stage = world.stage.clone();
    let server = connection
        .server()
        .grace(Duration::MAX)
        .service(ProbeServer::new(stage.clone()))
        .service(ShopServer::new(Till { name: "one", stage }))
        .start()
        .await
        .unwrap();
    let shopper = shopper(&world).await;
    let probe = world.client().await;
    let sale = buy(&shopper, "a", 0).await;
    let held = tokio::spawn(async move { probe.hold("plain".into()).await });
    world.stage.wait_all(&["start a/0", "start plain"]).await;
    let stop = tokio::spawn(async move { server.stop().await });
    let raw = world.raw().await;
    eventually("both are told to stop", async || {
        let plain = raw.queue(&world.queue()).await;
        let keyed = raw.queue(&world.partition(3)).await;
        (plain, keyed) == (Some((0, 0)), Some((0, 0)))
    })
    .await;
    assert!(!stop.is_finished());
    world.stage.release_all();
    answers(vec![sale]).await;
    within("an answer", held).await.unwrap().unwrap();
    within("the stop", stop).await.unwrap();
    assert_eq!(world.stage.count("end a/0"), 1);
    assert_eq!(world.stage.count("end plain"), 1);
}

#[tokio::test]
async fn a_worker_wants_all_queues_beside_its_partitions_to_exist() {
    let world = World::new().await;
    let raw = world.raw().await;
    let connection = world.connect().await;
    let options = QueueOptions::classic().declare(Declare::Passive);
    let queue = TaskQueue::<u32>::new("jobs").keyed(2).options(options);
    let name = |suffix: &str| format!("{}jobs{suffix}", world.namespace);
    for suffix in [".p0", ".p1", ".p0.lock", ".p1.lock", ".members"] {
        raw.declare(&name(suffix)).await;
    }
    let done = async |_: u32, _: leveret::Message| Ok::<(), std::io::Error>(());
    for missing in [".dead", ".p0.marks", ".p1.marks"] {
        let refused = connection.worker(&queue).start(done).await;
        let error = refused.expect_err(missing);
        assert_eq!(error.code(), Code::NoSuchService, "{missing}");
        assert_eq!(error.executed(), Executed::No, "{missing}");
        let members = raw.queue(&name(".members")).await;
        assert_eq!(members, Some((0, 0)), "took part without {missing}");
        raw.declare(&name(missing)).await;
    }
    let worker = connection.worker(&queue).start(done).await.unwrap();
    worker.stop().await;
}
