//! A client whose link breaks: calls under way end with the truth, calls that come wait or fail by choice.

use std::time::{Duration, Instant};

use harness::{Broker, Direction, Proxy, within};
use leveret::{Code, Connection, ConnectionState, Executed, Server, WhenDown};

use crate::fixture::{
    LONG, WorkClient, Worker, assert_error, assert_lost, builder, connect, hold, record_states,
    serve, wait_state, work,
};

/// A client behind a proxy, a server that is not.
struct Stage {
    proxy: Proxy,
    worker: Worker,
    client: Connection,
    _server: (Connection, Server),
    _broker: Broker,
}

async fn stage(heartbeat: Duration) -> Stage {
    let broker = Broker::shared().await;
    let names = broker.namespace();
    let worker = Worker::default();
    let home = connect(broker.url(), &names).await;
    let server = serve(&home, &worker).await;
    let proxy = Proxy::to(broker.url()).await;
    let client = builder(&proxy.url_through(broker.url()), &names)
        .heartbeat(heartbeat)
        .connect_timeout(Duration::from_secs(2))
        .connect()
        .await
        .expect("a connection");
    assert_eq!(work(&client, LONG).double(1).await.expect("an answer"), 2);
    Stage {
        proxy,
        worker,
        client,
        _server: (home, server),
        _broker: broker,
    }
}

const CALM: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_cut_ends_pending_calls_at_once_and_heals() {
    let stage = stage(CALM).await;
    for (round, reset) in [(1, true), (2, false)] {
        let states = record_states(&stage.client);
        let calls = hold(&stage.client, &stage.worker, round * 100..round * 100 + 25).await;
        if reset {
            stage.proxy.reset_connections().await;
        } else {
            stage.proxy.close_connections().await;
        }
        assert_lost(calls).await;
        // The default is to wait for the connection.
        let answer = work(&stage.client, LONG).double(round).await;
        assert_eq!(answer.expect("an answer"), round * 2);
        assert_eq!(
            *states.borrow(),
            [
                ConnectionState::Connected,
                ConnectionState::Reconnecting,
                ConnectionState::Connected
            ]
        );
    }
    stage.worker.open();
    stage.worker.assert_none_ran_twice();
}

#[tokio::test]
async fn a_cut_under_load_loses_no_call_silently() {
    let stage = stage(CALM).await;
    let mut lost = 0;
    for round in 0..6_u64 {
        let calls: Vec<_> = (0..200)
            .map(|n| {
                let stub = work(&stage.client, LONG);
                let n = round * 1000 + n;
                tokio::spawn(async move { (n, stub.double(n).await) })
            })
            .collect();
        // Somewhere among the answers.
        stage
            .proxy
            .reset_after(Direction::ToClient, 2_000 * (round + 1));
        for call in calls {
            let (n, outcome) = within("a call", call).await.expect("no panic");
            match outcome {
                Ok(answer) => assert_eq!(answer, n * 2),
                error => {
                    assert_error(&error, Code::Unavailable, Executed::Maybe);
                    lost += 1;
                }
            }
        }
    }
    assert!(lost > 0, "no cut has hit a call");
    assert_eq!(
        work(&stage.client, LONG)
            .double(7)
            .await
            .expect("an answer"),
        14
    );
}

#[tokio::test]
async fn while_it_is_down_calls_wait_or_fail_by_choice() {
    let stage = stage(CALM).await;
    stage.proxy.refuse().await;
    stage.proxy.reset_connections().await;
    wait_state(&stage.client, ConnectionState::Reconnecting).await;

    let start = Instant::now();
    let failing = stage
        .client
        .client()
        .when_disconnected(WhenDown::Fail)
        .with_timeout(LONG);
    let outcome = WorkClient::new(failing).double(1).await;
    assert_error(&outcome, Code::Unavailable, Executed::No);
    assert!(start.elapsed() < Duration::from_secs(5));

    let start = Instant::now();
    let outcome = work(&stage.client, Duration::from_millis(200))
        .double(1)
        .await;
    assert_error(&outcome, Code::DeadlineExceeded, Executed::No);
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert!(start.elapsed() < Duration::from_secs(5));

    let waiting: Vec<_> = (0..100)
        .map(|n| {
            let stub = work(&stage.client, LONG);
            tokio::spawn(async move { (n, stub.double(n).await) })
        })
        .collect();
    stage.proxy.pass().await;
    for call in waiting {
        let (n, outcome) = within("a call", call).await.expect("no panic");
        assert_eq!(outcome.expect("it waited"), n * 2);
    }
}

#[tokio::test]
async fn a_black_hole_is_found_by_heartbeats_and_never_outlasts_a_deadline() {
    const HEARTBEAT: Duration = Duration::from_secs(1);
    let to_server = [Direction::ToServer].as_slice();
    let to_client = [Direction::ToClient].as_slice();
    let both = [Direction::ToServer, Direction::ToClient].as_slice();
    let round = async |directions: &'static [Direction]| {
        let stage = stage(HEARTBEAT).await;
        let held = hold(&stage.client, &stage.worker, 0..10).await;
        for direction in directions {
            stage.proxy.black_hole(*direction);
        }
        let hole = Instant::now();
        let short = work(&stage.client, Duration::from_millis(300))
            .double(1)
            .await;
        assert_error(&short, Code::DeadlineExceeded, Executed::Maybe);
        assert!(hole.elapsed() < HEARTBEAT, "{:?}", hole.elapsed());

        assert_lost(held).await;
        // Two heartbeats by the book; three more for a busy machine.
        assert!(hole.elapsed() < HEARTBEAT * 5, "{:?}", hole.elapsed());
        stage.proxy.pass().await;
        let answer = work(&stage.client, LONG).double(4).await;
        assert_eq!(answer.expect("it has healed"), 8);
        stage.worker.open();
    };
    tokio::join!(round(to_server), round(to_client), round(both));
}

#[tokio::test]
async fn a_stall_that_passes_is_no_loss() {
    let stage = stage(CALM).await;
    let states = record_states(&stage.client);
    for directions in [
        [Direction::ToServer].as_slice(),
        [Direction::ToClient].as_slice(),
        [Direction::ToServer, Direction::ToClient].as_slice(),
    ] {
        for direction in directions {
            stage.proxy.stall(*direction);
        }
        let stub = work(&stage.client, LONG);
        let patient = tokio::spawn(async move { stub.double(3).await });
        let hasty = work(&stage.client, Duration::from_millis(200))
            .double(1)
            .await;
        assert_error(&hasty, Code::DeadlineExceeded, Executed::Maybe);
        stage.proxy.pass().await;
        let outcome = within("the patient call", patient).await.expect("no panic");
        assert_eq!(outcome.expect("an answer"), 6);
    }
    assert_eq!(*states.borrow(), [ConnectionState::Connected]);
    assert_eq!(stage.proxy.accepted(), 2);
}
