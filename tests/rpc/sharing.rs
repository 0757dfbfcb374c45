//! Several servers on one queue share its work.

use harness::{Process, within};
use leveret::ServiceOptions;

use crate::acks::server_process;
use crate::probe::Stage;
use crate::world::{LONG, World};

#[tokio::test]
async fn one_at_a_time_work_goes_to_whoever_is_free() {
    let world = World::new().await;
    let one = ServiceOptions::new().concurrency(1).prefetch(1);
    let (busy, free) = (Stage::new(), Stage::new());
    let _busy = world.serve_stage(&busy, one.clone()).await;
    let probe = world.client().await;
    let held = tokio::spawn(probe.hold("a".into()).timeout(LONG).into_future());
    busy.wait("start a").await;
    let _free = world.serve_stage(&free, one).await;
    // A larger prefetch would park some of these behind the held one.
    let calls: Vec<_> = (0..30)
        .map(|n| tokio::spawn(probe.add(n, Some(n)).timeout(LONG).into_future()))
        .collect();
    for call in calls {
        within("a call", call).await.unwrap().unwrap();
    }
    assert_eq!(free.count("start add"), 30);
    assert_eq!(busy.count("start add"), 0);
    busy.release("a");
    within("the held call", held).await.unwrap().unwrap();
}

#[tokio::test]
async fn equal_jobs_are_shared_about_evenly_by_two_processes() {
    const JOBS: usize = 60;
    let world = World::new().await;
    let servers = [server_process(&world).await, server_process(&world).await];
    let client = world.connect().await.client();
    let calls: Vec<_> = (0..JOBS)
        .map(|n| {
            let call = client.call::<String>("probe", "work", &(n.to_string(), 20));
            tokio::spawn(call.timeout(LONG).into_future())
        })
        .collect();
    for (n, call) in calls.into_iter().enumerate() {
        let id = within("a job", call).await.unwrap().unwrap();
        assert_eq!(id, n.to_string());
    }
    let started = |server: &Process| {
        let lines = server.lines();
        lines
            .iter()
            .filter(|line| line.starts_with("start"))
            .count()
    };
    for server in &servers {
        // Its output may lag behind its answers.
        server.wait_lines("start", JOBS * 3 / 10).await;
    }
    let shares = servers.each_ref().map(started);
    assert!(shares.iter().all(|n| *n <= JOBS * 7 / 10), "{shares:?}");
}
