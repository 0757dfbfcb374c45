//! What only RabbitMQ has: logins that may not do everything.

mod permissions;

use harness::RabbitMq;
use leveret::{Code, Connection, Events, TaskQueue};

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
