//! Who is served next when a whole channel has been waiting for room: AMQP does not say, but nobody may be left out.

use futures_util::StreamExt;
use futures_util::stream::select_all;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use leveret_broker::Broker;

const QUEUES: [&str; 3] = ["a", "b", "c"];
const EACH: usize = 8;

async fn filled(channel: &Channel) {
    for queue in QUEUES {
        channel
            .queue_declare(
                queue.into(),
                QueueDeclareOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("a queue");
        for _ in 0..EACH {
            channel
                .basic_publish(
                    "".into(),
                    queue.into(),
                    BasicPublishOptions::default(),
                    queue.as_bytes(),
                    BasicProperties::default(),
                )
                .await
                .expect("a publish");
        }
    }
}

#[tokio::test]
async fn queues_that_share_a_limit_take_turns() {
    let broker = Broker::bind("127.0.0.1:0").await.expect("a broker");
    let connection = Connection::connect(broker.url(), ConnectionProperties::default())
        .await
        .expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    filled(&channel).await;
    channel
        .basic_qos(1, BasicQosOptions { global: true })
        .await
        .expect("a limit");
    let mut consumers = Vec::new();
    for queue in QUEUES {
        let consumer = channel
            .basic_consume(
                queue.into(),
                queue.into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("a consumer");
        consumers.push(consumer);
    }
    let mut deliveries = select_all(consumers);
    for round in 0..EACH {
        let mut served = Vec::new();
        for _ in QUEUES {
            let delivery = deliveries.next().await.expect("a delivery");
            let delivery = delivery.expect("a channel");
            served.push(String::from_utf8_lossy(&delivery.data).into_owned());
            delivery
                .ack(BasicAckOptions::default())
                .await
                .expect("an ack");
        }
        served.sort();
        assert_eq!(served, QUEUES, "round {round}");
    }
}
