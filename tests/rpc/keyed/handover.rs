//! Partitions go from one server to another: shared, given up in order, lost.

use harness::{Proxy, eventually, within};
use leveret::{QueueOptions, ServiceOptions};

use super::{all_at_work, answers, buy, shopper};
use crate::probe::Stage;
use crate::shop::{
    ITEMS, ONE_EACH, PARTITIONS, assert_alone, assert_in_order, classic, kinds, quorum,
};
use crate::world::{LONG, World};

#[tokio::test]
async fn a_second_server_takes_its_share_of_busy_partitions_without_overlap() {
    let world = World::new().await;
    let raw = world.raw().await;
    let _one = world.open_shop("one").await;
    let shopper = shopper(&world).await;
    let mut calls = Vec::new();
    for n in [0, 1] {
        for item in ONE_EACH {
            calls.push(buy(&shopper, item, n).await);
        }
    }
    world.stage.wait_count("start", PARTITIONS).await;
    for partition in 0..PARTITIONS {
        eventually("the first server has both calls", async || {
            raw.queue(&world.partition(partition)).await == Some((0, 1))
        })
        .await;
    }
    let _two = world.open_shop("two").await;
    let mut leaving = Vec::new();
    eventually("the first server gives half of them up", async || {
        leaving.clear();
        for partition in 0..PARTITIONS {
            let queue = raw.queue(&world.partition(partition)).await;
            if queue == Some((0, 0)) {
                leaving.push(partition);
            }
        }
        leaving.len() == PARTITIONS / 2
    })
    .await;
    // It holds them until its work is done: nobody consumes what comes now.
    for &partition in &leaving {
        calls.push(buy(&shopper, ONE_EACH[partition], 2).await);
        eventually("the call is queued", async || {
            raw.queue(&world.partition(partition)).await == Some((1, 0))
        })
        .await;
        assert_eq!(raw.queue(&world.lock(partition)).await, Some((0, 1)));
    }
    assert_eq!(world.stage.count("two"), 0);
    world.stage.release_all();
    answers(calls).await;
    for &partition in &leaving {
        let sold = format!("two {}/2", ONE_EACH[partition]);
        assert_eq!(world.stage.count(&sold), 1, "{:#?}", world.stage.events());
    }
    assert_in_order(&world.stage.events());
}

/// Of what happened.
type Check = fn(&[String]);

#[tokio::test]
async fn nothing_overlaps_while_servers_come_and_go() {
    // RabbitMQ's quorum queues put what crosses the cancel of its consumer back behind the others.
    let kinds: [(_, Check); 2] = [(classic(), assert_in_order), (quorum(), assert_alone)];
    for (options, check) in kinds {
        let world = World::new().await;
        world.stage.release_all();
        let mut working = world.open_shop_with("0", options.clone()).await;
        let shopper = shopper(&world).await;
        let (mut n, mut calls) = (0, Vec::new());
        for next in ["1", "2"] {
            let joining = world.open_shop_with(next, options.clone()).await;
            let before = world.stage.events().len();
            eventually("the next server has partitions", async || {
                for _ in 0..10 {
                    for item in ITEMS.as_flattened() {
                        calls.push(buy(&shopper, item, n).await);
                    }
                    n += 1;
                }
                answers(vec![calls.swap_remove(0)]).await;
                let events = &world.stage.events()[before..];
                events.iter().any(|event| event.starts_with(next))
            })
            .await;
            for item in ITEMS.as_flattened() {
                calls.push(buy(&shopper, item, n).await);
            }
            n += 1;
            within("a stop", working.server.stop()).await;
            working = joining;
        }
        answers(calls).await;
        check(&world.stage.events());
    }
}

#[tokio::test]
async fn a_cut_off_server_loses_its_partitions_and_comes_back() {
    for kind in kinds() {
        let world = World::new().await;
        let proxy = Proxy::to(world.broker.url()).await;
        let lost = Stage::new();
        let _one = world
            .open_shop_behind(&proxy, &lost, "one", kind.clone())
            .await;
        let shopper = shopper(&world).await;
        let mut calls = Vec::new();
        for n in [0, 1, 2] {
            for item in ONE_EACH {
                calls.push(buy(&shopper, item, n).await);
            }
        }
        lost.wait_count("start", PARTITIONS).await;
        let _two = world.open_shop_with("two", kind).await;
        proxy.refuse().await;
        proxy.reset_connections().await;
        // All of it is delivered again, in its old order, though only the first of each had begun.
        world.stage.release_all();
        answers(calls).await;
        assert_in_order(&world.stage.events());
        assert_eq!(
            world
                .stage
                .events()
                .iter()
                .filter(|event| event.starts_with("two"))
                .count(),
            3 * PARTITIONS
        );
        lost.release_all();
        proxy.pass().await;
        let sold = lost.events().len();
        eventually("the lost one has partitions again", async || {
            for item in ONE_EACH {
                let n = u32::MAX;
                within("an answer", buy(&shopper, item, n).await)
                    .await
                    .unwrap();
            }
            lost.events()[sold..]
                .iter()
                .any(|event| event.starts_with("one"))
        })
        .await;
    }
}

#[tokio::test]
async fn a_stop_lets_nothing_overtake() {
    let world = World::new().await;
    let raw = world.raw().await;
    let one = world.open_shop("one").await;
    let shopper = shopper(&world).await;
    let first = vec![buy(&shopper, "a", 0).await, buy(&shopper, "a", 1).await];
    // Delivered again it would not be run, so it is run here, and what is before it too.
    shopper.note("a".into(), 2).await.unwrap();
    let last = buy(&shopper, "a", 3).await;
    world.stage.wait("start a/0").await;
    let queue = world.partition(3);
    eventually("all are at the server", async || {
        raw.queue(&queue).await == Some((0, 1))
    })
    .await;
    let server = one.server;
    let stop = tokio::spawn(async move { server.stop().await });
    eventually("the server takes nothing more", async || {
        raw.queue(&queue).await == Some((0, 0))
    })
    .await;
    assert_eq!(raw.queue(&world.lock(3)).await, Some((0, 1)), "let go");
    let _two = world.open_shop("two").await;
    assert_eq!(world.stage.count("start a/1"), 0);
    world.stage.release_all();
    answers(first).await;
    within("the stop", stop).await.unwrap();
    answers(vec![last]).await;
    for sold in ["one a/0", "one a/1", "one a/2", "two a/3"] {
        assert_eq!(world.stage.count(sold), 1, "{:#?}", world.stage.events());
    }
    assert_in_order(&world.stage.events());
}

#[tokio::test]
async fn partitions_are_shared_among_those_that_are_there() {
    let world = World::new().await;
    let shopper = {
        let _first = world.open_shop("zero").await;
        let shopper = shopper(&world).await;
        all_at_work(&world, &shopper, &["zero"]).await;
        shopper
    };
    // Its server was dropped, so others have all of them.
    let one = world.open_shop("one").await;
    let two = world.open_shop("two").await;
    all_at_work(&world, &shopper, &["one", "two"]).await;
    within("a stop", one.server.stop()).await;
    let before = world.stage.events().len();
    for item in ONE_EACH {
        let call = shopper.buy(crate::shop::ItemId(item.into()), 1_000);
        within("an answer", call.timeout(LONG).into_future())
            .await
            .unwrap();
    }
    let events = world.stage.events();
    let sold = events[before..]
        .iter()
        .filter(|event| event.starts_with("two"));
    assert_eq!(sold.count(), PARTITIONS);
    drop(two);
}

#[tokio::test]
async fn idle_partitions_are_deleted_by_the_last_server_when_asked() {
    let world = World::new().await;
    let raw = world.raw().await;
    let options = ServiceOptions::new().queue(QueueOptions::classic().delete_when_idle(true));
    let one = world.open_shop_with("one", options.clone()).await;
    let two = world.open_shop_with("two", options).await;
    within("a stop", one.server.stop()).await;
    assert_eq!(raw.queue(&world.members()).await, Some((0, 1)));
    for partition in 0..PARTITIONS {
        assert!(raw.queue(&world.partition(partition)).await.is_some());
    }
    within("a stop", two.server.stop()).await;
    for partition in 0..PARTITIONS {
        assert_eq!(raw.queue(&world.partition(partition)).await, None);
        assert_eq!(raw.queue(&world.lock(partition)).await, None);
    }
    assert_eq!(raw.queue(&world.members()).await, None);
    assert_eq!(raw.queue(&world.shop()).await, None);
}

#[tokio::test]
async fn deleted_partitions_and_locks_are_made_again() {
    let world = World::new().await;
    let raw = world.raw().await;
    let _one = world.open_shop("one").await;
    let shopper = shopper(&world).await;
    world.stage.release_all();
    for queue in [world.partition(3), world.lock(3), world.members()] {
        world.broker.delete_queue(&queue).await;
        eventually("the queue is consumed again", async || {
            raw.queue(&queue).await == Some((0, 1))
        })
        .await;
        eventually("the partition is served again", async || {
            raw.queue(&world.partition(3)).await == Some((0, 1))
        })
        .await;
        let call = buy(&shopper, "a", 0).await;
        answers(vec![call]).await;
    }
}
