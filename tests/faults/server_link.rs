//! A server whose link breaks while its callers' links are fine: nobody but the log should notice.

use harness::{Broker, Direction, Proxy};
use leveret::{Connection, ConnectionState, Server, ServiceOptions};

use crate::fixture::{
    LONG, Worker, assert_right, builder, connect, hold, serve_with, wait_state, work,
};

struct Stage {
    proxy: Proxy,
    worker: Worker,
    client: Connection,
    far: Connection,
    server: Server,
    _broker: Broker,
}

async fn stage(options: ServiceOptions) -> Stage {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let worker = Worker::default();
    let proxy = Proxy::to(broker.url()).await;
    let far = builder(&proxy.url_through(broker.url()), &names)
        .heartbeat(std::time::Duration::from_secs(1))
        .connect()
        .await
        .expect("a connection");
    let server = serve_with(&far, &worker, options).await;
    let client = connect(broker.url(), &names).await;
    Stage {
        proxy,
        worker,
        client,
        far,
        server,
        _broker: broker,
    }
}

#[tokio::test]
async fn a_call_that_runs_when_the_link_is_cut_is_answered_after_it() {
    let stage = stage(ServiceOptions::new()).await;
    for (round, reset) in [(1, true), (2, false)] {
        let calls = hold(&stage.client, &stage.worker, round * 100..round * 100 + 20).await;
        if reset {
            stage.proxy.reset_connections().await;
        } else {
            stage.proxy.close_connections().await;
        }
        // Redelivered requests go back to where they were, in front: when this one is answered, they have come.
        let answer = work(&stage.client, LONG).double(round).await;
        assert_eq!(answer.expect("the server is back"), round * 2);
        if round == 2 {
            stage.worker.open();
            assert_right(calls).await;
        } else {
            // They run on through the second cut, which must not disturb them either.
            tokio::spawn(assert_right(calls));
        }
    }
    stage.worker.wait_finished(40).await;
    stage.worker.assert_none_ran_twice();
}

#[tokio::test]
async fn a_call_that_ends_while_the_link_is_down_is_answered_once_it_is_up() {
    let stage = stage(ServiceOptions::new()).await;
    let calls = hold(&stage.client, &stage.worker, 0..20).await;
    stage.proxy.refuse().await;
    stage.proxy.reset_connections().await;
    wait_state(&stage.far, ConnectionState::Reconnecting).await;
    stage.worker.open();
    stage.worker.wait_finished(20).await;
    stage.proxy.pass().await;
    assert_right(calls).await;
    stage.worker.assert_none_ran_twice();
}

#[tokio::test]
async fn requests_that_wait_in_the_queue_are_served_after_the_cut() {
    let stage = stage(ServiceOptions::new().concurrency(2)).await;
    let running = hold(&stage.client, &stage.worker, 0..2).await;
    let waiting: Vec<_> = (2..50)
        .map(|id| {
            let stub = work(&stage.client, LONG);
            tokio::spawn(async move { (id, stub.hold(id).await) })
        })
        .collect();
    stage.proxy.reset_connections().await;
    stage.proxy.wait_accepted(4).await;
    stage.worker.open();
    assert_right(running).await;
    assert_right(waiting).await;
    stage.worker.assert_none_ran_twice();
}

#[tokio::test]
async fn a_black_hole_on_the_server_s_side_is_found_and_healed() {
    for directions in [
        [Direction::ToServer].as_slice(),
        [Direction::ToClient].as_slice(),
    ] {
        let stage = stage(ServiceOptions::new()).await;
        let calls = hold(&stage.client, &stage.worker, 0..10).await;
        for direction in directions {
            stage.proxy.black_hole(*direction);
        }
        wait_state(&stage.far, ConnectionState::Reconnecting).await;
        stage.worker.open();
        stage.proxy.pass().await;
        assert_right(calls).await;
        stage.worker.assert_none_ran_twice();
    }
}

#[tokio::test]
async fn a_stop_without_a_link_lets_handlers_finish() {
    let stage = stage(ServiceOptions::new()).await;
    let calls = hold(&stage.client, &stage.worker, 0..5).await;
    stage.proxy.refuse().await;
    stage.proxy.reset_connections().await;
    wait_state(&stage.far, ConnectionState::Reconnecting).await;
    let stop = tokio::spawn(async move { stage.server.stop().await });
    // Whether it waits cannot be seen but by it not ending.
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), async {
        while !stop.is_finished() {
            tokio::task::yield_now().await;
        }
    });
    assert!(
        early.await.is_err(),
        "the server did not wait for its handlers"
    );
    stage.worker.open();
    stage.worker.wait_finished(5).await;
    stop.await.expect("the server stops");
    drop(calls);
}
