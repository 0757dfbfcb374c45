//! Order by key: calls with one key run one after another, in order, by one server at a time, and other keys beside
//! them, spread over the servers.

mod endings;
mod handover;
mod requests;

use harness::within;
use leveret::{Code, Error, Executed, ServiceOptions};

use crate::shop::{ITEMS, ItemId, ONE_EACH, ShopClient, assert_in_order, kinds};
use crate::world::{LONG, World, millis};

type Buying = std::pin::Pin<Box<dyn Future<Output = Result<u32, Error>> + Send>>;

/// Sends a call and leaves it under way, so that the next one is behind it.
async fn buy(shopper: &ShopClient, item: &str, n: u32) -> Buying {
    let mut call = shopper
        .buy(ItemId(item.into()), n)
        .timeout(LONG)
        .into_future();
    assert!(futures_util::poll!(&mut call).is_pending());
    call
}

/// A client that has a connection, so that a call is sent when it is first polled.
async fn shopper(world: &World) -> ShopClient {
    let shopper = world.shopper().await;
    assert_eq!(shopper.count().await.unwrap(), 7);
    shopper
}

async fn answers(calls: Vec<Buying>) {
    for call in calls {
        within("an answer", call).await.unwrap();
    }
}

/// Buys until each of these servers has sold something; returns the next number to be used.
async fn all_at_work(world: &World, shopper: &ShopClient, names: &[&str]) -> u32 {
    world.stage.release_all();
    let mut n = 0;
    harness::eventually("all servers have partitions", async || {
        for item in ONE_EACH {
            buy(shopper, item, n).await.await.unwrap();
        }
        n += 1;
        let events = world.stage.events();
        let works = |name: &&str| events.iter().any(|event| event.starts_with(*name));
        names.iter().all(works)
    })
    .await;
    n
}

#[tokio::test]
async fn calls_with_one_key_run_one_after_another_in_order() {
    for options in kinds() {
        let world = World::new().await;
        let one = world.open_shop_with("one", options.clone()).await;
        let two = world.open_shop_with("two", options).await;
        let shopper = shopper(&world).await;
        let first = all_at_work(&world, &shopper, &["one", "two"]).await;
        let mut calls = Vec::new();
        for n in first..first + 20 {
            for item in ITEMS.as_flattened() {
                calls.push(buy(&shopper, item, n).await);
            }
        }
        answers(calls).await;
        assert_in_order(&world.stage.events());
        one.server.stop().await;
        two.server.stop().await;
        let raw = world.raw().await;
        for partition in 0..ITEMS.len() {
            let queue = world.partition(partition);
            harness::eventually("the queue is empty and free", async || {
                raw.queue(&queue).await == Some((0, 0))
            })
            .await;
        }
    }
}

#[tokio::test]
async fn other_keys_run_beside_a_slow_one() {
    let world = World::new().await;
    let _shop = world.open_shop("one").await;
    let shopper = shopper(&world).await;
    // Two keys of one partition, and one of another.
    let slow = vec![
        buy(&shopper, "a", 0).await,
        buy(&shopper, "a", 1).await,
        buy(&shopper, "c", 0).await,
        buy(&shopper, "d", 0).await,
    ];
    let stage = &world.stage;
    stage
        .wait_all(&["start a/0", "start c/0", "start d/0"])
        .await;
    assert_eq!(stage.count("start a/1"), 0, "beside a/0");
    stage.release("a/0");
    stage.wait_all(&["end a/0", "start a/1"]).await;
    stage.release_all();
    answers(slow).await;
    assert_in_order(&stage.events());
}

#[tokio::test]
async fn keys_share_the_slots_of_their_service() {
    let world = World::new().await;
    let options = ServiceOptions::new().concurrency(2).prefetch(10);
    let _shop = world.open_shop_with("one", options).await;
    let shopper = shopper(&world).await;
    let mut calls = Vec::new();
    for item in ITEMS.as_flattened() {
        calls.push(buy(&shopper, item, 0).await);
    }
    let stage = &world.stage;
    for ended in 0..calls.len() {
        // Two at a time, the last one alone.
        stage
            .wait_count("start", (ended + 2).min(calls.len()))
            .await;
        let events = stage.events();
        let mut started = events
            .iter()
            .filter_map(|event| event.strip_prefix("start "));
        let next = started.nth(ended).expect("one that runs");
        stage.release(next);
        stage.wait(&format!("end {next}")).await;
    }
    answers(calls).await;
    let mut running = 0;
    for event in stage.events() {
        running += i32::from(event.starts_with("start"));
        running -= i32::from(event.starts_with("end"));
        assert!(running <= 2, "{:#?}", stage.events());
    }
}

#[tokio::test]
async fn a_thread_that_outlasts_its_deadline_keeps_its_key() {
    let world = World::new().await;
    let _shop = world.open_shop("one").await;
    let shopper = shopper(&world).await;
    let slow = shopper.buy_slowly("a".into(), 0).timeout(millis(300));
    let error = within("the deadline", slow.into_future())
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert_eq!(error.executed(), Executed::Maybe);
    let next = buy(&shopper, "a", 1).await;
    let beside = buy(&shopper, "c", 0).await;
    // It is behind `a/1` in the queue, and runs.
    world.stage.wait("start c/0").await;
    assert_eq!(world.stage.count("start a/1"), 0, "beside the thread");
    world.stage.release("a/0");
    world.stage.wait_all(&["end a/0", "start a/1"]).await;
    world.stage.release_all();
    answers(vec![next, beside]).await;
    assert_in_order(&world.stage.events());
}
