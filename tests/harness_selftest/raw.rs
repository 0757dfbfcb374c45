//! The foreign peer: what it publishes, consumes and asks arrives.

use harness::{Broker, RawMessage};

#[tokio::test]
async fn a_foreign_peer_calls_and_serves() {
    let broker = Broker::shared().await;
    let queue = broker.namespace() + "echo";
    let server = broker.raw().await;
    server.declare(&queue).await;
    let mut requests = server.consume(&queue, 1).await;
    let serve = async {
        let request = requests.next().await;
        let reply = RawMessage {
            body: request.message.body.clone(),
            correlation_id: request.message.correlation_id.clone(),
            headers: request.message.headers.clone(),
            ..Default::default()
        };
        assert!(
            server
                .publish(
                    "",
                    request.message.reply_to.as_deref().expect("a reply_to"),
                    reply
                )
                .await
        );
        request.ack().await;
    };
    let client = broker.raw().await;
    let request = RawMessage {
        body: b"30".into(),
        headers: [("tenant".to_string(), "blue".to_string())].into(),
        ..Default::default()
    };
    let (reply, ()) = tokio::join!(client.call(&queue, request), serve);
    assert_eq!(reply.body, b"30");
    assert_eq!(reply.headers["tenant"], "blue");

    assert_eq!(client.queue(&queue).await, Some((0, 1)));
    client.delete(&queue).await;
    assert_eq!(client.queue(&queue).await, None);
    assert!(
        !client.publish("", &queue, RawMessage::default()).await,
        "an unroutable message comes back"
    );
}
