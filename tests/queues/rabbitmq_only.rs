//! What only RabbitMQ has: logins that may not do everything, and a management API over TLS.

mod permissions;

use std::fs;

use harness::{RabbitMq, eventually, eventually_some, within};
use leveret::{Code, Connection, ConnectionBuilder, DeathReason, Events, Outcome, TaskQueue};

/// A connection of a login that may configure only these names, and write and read all.
async fn connect(node: &RabbitMq, configure: &str) -> Connection {
    let grant = ["set_permissions", "-p", "/", "clerk", configure, ".*", ".*"];
    node.ctl(&grant).await;
    let url = node.url().replace("guest:guest", "clerk:secret");
    Connection::connect(&url).await.expect("a connection")
}

#[tokio::test]
async fn a_login_that_may_not_declare_is_told_at_once() {
    let node = RabbitMq::start().await;
    node.ctl(&["add_user", "clerk", "secret"]).await;
    let queue = TaskQueue::<String>::new("work");
    let logs = Events::<String>::fanout("logs");
    // Nothing; the queues and no delays.
    for configure in ["^$", "^work.*"] {
        let connection = connect(&node, configure).await;
        let worker = connection.worker(&queue).start(async |_, _| ()).await;
        assert_eq!(worker.unwrap_err().code(), Code::PermissionDenied);
        let subscriber = connection.subscribe(&logs).start(async |_, _| ()).await;
        assert_eq!(subscriber.unwrap_err().code(), Code::PermissionDenied);
        let published = connection.events(&logs).publish(&"a".to_owned()).await;
        assert_eq!(published.unwrap_err().code(), Code::PermissionDenied);
        connection.close().await;
    }
    let connection = connect(&node, "^$").await;
    let pushed = connection.tasks(&TaskQueue::<String>::new("other"));
    let pushed = pushed.push(&"a".to_owned()).await;
    assert_eq!(pushed.unwrap_err().code(), Code::PermissionDenied);
}

/// A task that can be neither tried again nor given up would be run again and again, or hold up its key for ever.
#[tokio::test]
async fn what_a_login_may_not_copy_is_a_dead_letter_all_the_same() {
    let node = RabbitMq::start().await;
    node.ctl(&["add_user", "clerk", "secret"]).await;
    let home = Connection::connect(&node.url()).await.unwrap();
    // Not to the default exchange, by which dead letters go.
    let write = "^(work|leveret\\.delay).*";
    let grant = ["set_permissions", "-p", "/", "clerk", ".*", write, ".*"];
    node.ctl(&grant).await;
    let url = node.url().replace("guest:guest", "clerk:secret");
    let clerk = Connection::connect(&url).await.unwrap();
    for keyed in [false, true] {
        let name = if keyed { "work-keyed" } else { "work" };
        let queue = TaskQueue::<String>::new(name);
        let queue = if keyed { queue.keyed(1) } else { queue };
        // Only who may write there can declare queues whose dead letters go there.
        let worker = home.worker(&queue).start(async |_, _| ()).await;
        within("the worker's end", worker.unwrap().stop()).await;
        let tasks = home.tasks(&queue);
        let push = tasks.push(&"a".to_owned());
        let push = if keyed { push.key("k") } else { push };
        push.await.unwrap();
        let worker = clerk.worker(&queue);
        let worker = worker.start(async |_, _| Outcome::reject("no")).await;
        let letter = eventually_some("a dead letter", async || {
            let mut letters = tasks.dead_letters().await.unwrap();
            letters.next().await.unwrap()
        })
        .await;
        assert_eq!(letter.reason(), DeathReason::Rejected);
        within("the worker's end", worker.unwrap().stop()).await;
    }
}

#[tokio::test]
async fn a_management_api_over_tls_is_trusted_by_the_same_authorities() {
    let node = RabbitMq::builder().tls().management().start().await;
    let ca = fs::read(&node.certificates().ca).expect("the CA");
    let builder = || Connection::builder(node.url()).management(node.management_url());
    let look = async |builder: ConnectionBuilder| {
        let connection = builder.connect().await.expect("a connection");
        let tasks = connection.tasks(&TaskQueue::<String>::new("work"));
        tasks.push(&"a".to_owned()).await.expect("a push");
        tasks.info().await.expect("a look").unacked
    };
    eventually("figures", async || {
        look(builder().extra_ca(ca.clone())).await == Some(0)
    })
    .await;
    assert_eq!(look(builder()).await, None);
    let refused = builder().extra_ca("no PEM").connect().await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}
