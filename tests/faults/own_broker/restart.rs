//! A broker that stops, dies or throws everybody out: clients and servers come back without help.

use std::time::{Duration, Instant};

use harness::{Broker, within};
use leveret::{Code, Connection, ConnectionState, Executed, Server};

use crate::fixture::{
    LONG, Worker, assert_error, assert_lost, assert_right, connect, hold, serve, wait_state, work,
};

async fn stage(broker: &Broker) -> (Connection, Connection, Server, Worker) {
    let worker = Worker::default();
    let home = connect(broker.url(), "").await;
    let server = serve(&home, &worker).await;
    let client = connect(broker.url(), "").await;
    (client, home, server, worker)
}

/// An answer comes again. A client that is back before the server may be told that nobody serves.
async fn assert_recovers(client: &Connection) {
    let start = Instant::now();
    loop {
        match work(client, LONG).double(21).await {
            Ok(answer) => break assert_eq!(answer, 42),
            Err(error) => assert!(
                matches!(error.code(), Code::Unavailable | Code::NoSuchService),
                "{error:?}"
            ),
        }
        assert!(start.elapsed() < Duration::from_secs(30), "no recovery");
    }
}

#[tokio::test]
async fn a_broker_that_stops_and_starts_is_found_again() {
    let broker = Broker::own().await;
    let (client, home, _server, worker) = stage(&broker).await;
    let calls = hold(&client, &worker, 0..20).await;
    broker.suspend().await;
    assert_lost(calls).await;
    worker.open();
    wait_state(&client, ConnectionState::Reconnecting).await;
    wait_state(&home, ConnectionState::Reconnecting).await;
    let short = work(&client, Duration::from_millis(200)).double(1).await;
    assert_error(&short, Code::DeadlineExceeded, Executed::No);

    broker.resume().await;
    assert_recovers(&client).await;
    worker.assert_none_ran_twice();
}

#[tokio::test]
async fn a_broker_that_is_killed_and_restarted_is_found_again() {
    let mut broker = Broker::own().await;
    let (client, _home, _server, worker) = stage(&broker).await;
    let calls = hold(&client, &worker, 0..20).await;
    broker.kill().await;
    assert_lost(calls).await;
    worker.open();
    wait_state(&client, ConnectionState::Reconnecting).await;

    broker.restart().await;
    assert_recovers(&client).await;
    worker.assert_none_ran_twice();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_closed_by_an_operator_cost_no_wrong_answer() {
    let broker = Broker::own().await;
    let (client, _home, _server, worker) = stage(&broker).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let answered = tokio::sync::watch::Sender::new(0_u32);
    let callers: Vec<_> = (0..20_u64)
        .map(|caller| {
            let (client, stopped) = (client.clone(), stopped.clone());
            let answered = answered.clone();
            tokio::spawn(async move {
                let (mut right, mut lost) = (0_u32, 0_u32);
                for n in (caller..).step_by(20) {
                    if *stopped.borrow() {
                        break;
                    }
                    let call = work(&client, LONG).double(n);
                    match within("a call", async { call.await }).await {
                        Ok(answer) => {
                            assert_eq!(answer, n * 2);
                            right += 1;
                            answered.send_modify(|answered| *answered += 1);
                        }
                        error => {
                            assert_error(&error, Code::Unavailable, Executed::Maybe);
                            lost += 1;
                        }
                    }
                }
                (right, lost)
            })
        })
        .collect();
    for round in 0..20 {
        broker.close_connections("a test").await;
        let answer = work(&client, LONG).double(round).await;
        match answer {
            Ok(answer) => assert_eq!(answer, round * 2),
            error => assert_error(&error, Code::Unavailable, Executed::Maybe),
        }
        // More than can be lost in a round.
        let enough = *answered.borrow() + 400;
        let mut progress = answered.subscribe();
        let busy = progress.wait_for(|answered| *answered >= enough);
        within("many answers", busy).await.expect("callers");
    }
    stop.send_replace(true);
    let (mut right, mut lost) = (0, 0);
    for caller in callers {
        let (r, l) = within("a caller", caller).await.expect("no panic");
        right += r;
        lost += l;
    }
    assert!(
        lost > 0,
        "no call was under way when its connection was closed"
    );
    assert!(right > lost * 10, "{right} right, {lost} lost");
    assert_recovers(&client).await;
    worker.open();
    assert_right(hold(&client, &worker, 0..20).await).await;
}
