//! What a push promises: a task that is confirmed is in a durable queue, whether a worker is there or not.

use std::collections::HashSet;

use leveret::{Code, Codec, Executed, Message, QueueInfo, QueueOptions, TaskQueue, TraceContext};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::world::{Journal, World, noting, work};

#[tokio::test]
async fn a_task_waits_for_its_worker() {
    let world = World::new().await;
    let tasks = world.connect().await.tasks(&work());
    let id = tasks.push(&"a".to_owned()).await.unwrap();
    let info = tasks.info().await.unwrap();
    assert_eq!((info.ready, info.consumers, info.dead), (1, 0, 0));

    let journal = Journal::default();
    let worker = noting(&world.connect().await, &work(), &journal).await;
    let run = journal.wait(1).await.remove(0);
    assert_eq!(run.job, "a");
    assert_eq!(run.id, Some(id.to_string()));
    assert_eq!((run.attempt, run.redelivered), (1, false));
    assert_eq!(run.queue, world.named("work"));
    assert_eq!((&*run.exchange, run.routing_key), ("", world.named("work")));
    assert_eq!(tasks.info().await.unwrap().consumers, 1);
    world.assert_all_settled(worker).await;
    assert_eq!(tasks.info().await.unwrap(), QueueInfo::default());
}

#[tokio::test]
async fn a_confirmed_task_is_persistent_in_a_durable_queue() {
    let world = World::new().await;
    let tasks = world.connect().await.tasks(&work());
    let id = tasks.push(&"a".to_owned()).await.unwrap();
    for (name, arguments) in [
        (
            "work",
            json!({
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": world.named("work.dead"),
            }),
        ),
        ("work.dead", json!({})),
        ("work.suspect", json!({})),
    ] {
        let queue = world.broker.queue(&world.named(name)).await;
        let queue = queue.expect("a queue that was declared");
        assert!(queue.durable && !queue.auto_delete, "{name}");
        assert_eq!(json!(queue.arguments), arguments, "{name}");
    }
    let raw = world.raw().await;
    let taken = raw.consume(&world.named("work"), 1).await.next().await;
    assert_eq!(taken.message.delivery_mode, Some(2));
    assert_eq!(taken.message.message_id, Some(id.to_string()));
    assert_eq!(taken.message.kind, None);
    let expected = Some("application/msgpack".to_owned());
    assert_eq!(taken.message.content_type, expected);
}

#[tokio::test]
async fn the_queues_of_a_quorum_queue_are_quorum_queues() {
    let world = World::new().await;
    let queue = work().options(QueueOptions::quorum());
    let journal = Journal::default();
    let connection = world.connect().await;
    let worker = noting(&connection, &queue, &journal).await;
    let tasks = connection.tasks(&queue);
    tasks.push(&"now".to_owned()).await.unwrap();
    journal.wait(1).await;
    let later = tasks.push(&"later".to_owned());
    later.delay(crate::world::TENTH).await.unwrap();
    journal.wait(2).await;
    for name in ["work", "work.dead", "work.suspect", "leveret.delay.q.0"] {
        let queue = world.broker.queue(&world.named(name)).await;
        let arguments = queue.expect("a queue that was declared").arguments;
        assert_eq!(arguments["x-queue-type"], "quorum", "{name}");
    }
    world.assert_all_settled(worker).await;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Resize {
    image: String,
    width: Option<u32>,
}

#[tokio::test]
async fn values_travel_in_either_encoding_with_their_metadata() {
    let world = World::new().await;
    let connection = world.connect().await;
    let queue = TaskQueue::<Resize>::new("resize");
    let (sender, mut got) = tokio::sync::mpsc::unbounded_channel();
    let _worker = connection
        .worker(&queue)
        .start(move |job: Resize, message: Message| {
            let codec = message.content_type().unwrap_or_default().to_owned();
            let team = message.header("team").unwrap_or_default().to_owned();
            let trace = message
                .context()
                .trace()
                .map(|trace| trace.traceparent.clone());
            sender.send((job, codec, team, trace)).unwrap();
            async {}
        })
        .await
        .unwrap();
    let job = Resize {
        image: "cat.png".into(),
        width: Some(100),
    };
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (codec, content_type) in [
        (Codec::MsgPack, "application/msgpack"),
        (Codec::Json, "application/json"),
    ] {
        let tasks = connection.tasks(&queue).with_codec(codec);
        let tasks = tasks.with_metadata("team", "blue").unwrap();
        let trace = TraceContext::new(traceparent);
        tasks.push(&job).trace(trace).await.unwrap();
        let (came, codec, team, trace) = got.recv().await.unwrap();
        assert_eq!((came, &*codec), (job.clone(), content_type));
        assert_eq!(team, "blue");
        assert_eq!(trace.as_deref(), Some(traceparent));
    }
    let own = connection.tasks(&queue).push(&job).metadata("team", "red");
    own.await.unwrap();
    assert_eq!(got.recv().await.unwrap().2, "red");
    let refused = connection.tasks(&queue).push(&job).metadata("x-death", "");
    assert_eq!(refused.await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_pushed_at_once_and_each_is_done_once() {
    const MANY: usize = 2_000;
    let world = World::new().await;
    let jobs: Vec<_> = (0..MANY).map(|n| format!("{n:04}")).collect();
    let tasks = world.connect().await.tasks(&work());
    let ids = tasks.push_all(&jobs).await.unwrap();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), MANY);
    assert_eq!(tasks.info().await.unwrap().ready, MANY as u64);

    let journal = Journal::default();
    let worker = noting(&world.connect().await, &work(), &journal).await;
    let runs = journal.wait(MANY).await;
    assert_eq!(journal.sorted(), jobs);
    // The ids are in the order of the jobs.
    for run in runs {
        let id: Uuid = run.id.unwrap().parse().unwrap();
        assert_eq!(ids[run.job.parse::<usize>().unwrap()], id);
    }
    world.assert_all_settled(worker).await;
}

#[tokio::test]
async fn what_waits_can_be_counted_and_removed() {
    let world = World::new().await;
    let tasks = world.connect().await.tasks(&work());
    let missing = tasks.info().await.unwrap_err();
    assert_eq!(missing.code(), Code::NoSuchService);
    assert_eq!(tasks.purge().await.unwrap_err().code(), Code::NoSuchService);
    tasks.push_all(&["a".into(), "b".into()]).await.unwrap();
    let later = tasks.push(&"c".to_owned());
    later
        .delay(std::time::Duration::from_secs(3600))
        .await
        .unwrap();
    assert_eq!(tasks.info().await.unwrap().ready, 2);
    assert_eq!(tasks.purge().await.unwrap(), 2);
    assert_eq!(tasks.info().await.unwrap().ready, 0);
}

#[tokio::test]
async fn namespaces_keep_queues_of_one_name_apart() {
    let (blue, red) = (World::new().await, World::new().await);
    let (came_blue, came_red) = (Journal::default(), Journal::default());
    let blue_worker = noting(&blue.connect().await, &work(), &came_blue).await;
    let red_worker = noting(&red.connect().await, &work(), &came_red).await;
    for (world, job) in [(&blue, "blue"), (&red, "red")] {
        let tasks = world.connect().await.tasks(&work());
        tasks.push(&job.to_owned()).await.unwrap();
        let later = tasks.push(&format!("{job} later"));
        later.delay(crate::world::TENTH).await.unwrap();
    }
    came_blue.wait(2).await;
    came_red.wait(2).await;
    blue.assert_all_settled(blue_worker).await;
    red.assert_all_settled(red_worker).await;
    assert_eq!(came_blue.jobs(), ["blue", "blue later"]);
    assert_eq!(came_red.jobs(), ["red", "red later"]);
}

#[tokio::test]
async fn what_cannot_be_pushed_is_refused_before_it_is_sent() {
    let world = World::new().await;
    let connection = world.builder().max_message_size(1000).connect().await;
    let connection = connection.unwrap();
    for name in ["", "a.dead", "a.suspect", "leveret.a", "two words"] {
        let queue = TaskQueue::<String>::new(name);
        let refused = connection.tasks(&queue).push(&String::new()).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name}");
        assert_eq!(refused.executed(), Executed::No);
        let worker = connection.worker(&queue).start(async |_, _| ()).await;
        assert_eq!(worker.unwrap_err().code(), Code::InvalidArgument, "{name}");
    }
    let tasks = connection.tasks(&work());
    let large = tasks.push(&"x".repeat(1001)).await.unwrap_err();
    assert_eq!(large.code(), Code::ResourceExhausted);
    assert!(!large.retryable());
    // Two parts of one message: the task, and what travels beside it.
    let beside = tasks.push(&String::new()).metadata("a", "x".repeat(20_000));
    assert!(beside.await.is_err());
    assert_eq!(world.ready("work").await, 0);
}
