//! Plain clients. Each function is one round; an error ends it, and the next one begins with a new connection.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions,
    BasicQosOptions, BasicRejectOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind, Result};
use uuid::Uuid;

use super::{Counts, count};

const WORK: &str = "work";
const DEAD: &str = "dead";
/// Rounds on one connection.
const ROUNDS: usize = 50;

async fn connect(url: &str, counts: &Counts) -> Result<(Connection, Channel)> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    count(&counts.connections);
    Ok((connection, channel))
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

async fn send(channel: &Channel, exchange: &str, key: &str, size: usize) -> Result<()> {
    let properties = BasicProperties::default()
        .with_delivery_mode(rand::random_range(1..3))
        .with_headers(table([("number", AMQPValue::LongInt(rand::random()))]));
    let options = BasicPublishOptions {
        mandatory: rand::random_ratio(1, 4),
        ..Default::default()
    };
    channel
        .basic_publish(
            exchange.into(),
            key.into(),
            options,
            &vec![b'x'; size],
            properties,
        )
        .await?
        .await?;
    Ok(())
}

/// Connections with queues of their own; half of them leave without a word.
pub(super) async fn come_and_go(url: &str, counts: &Counts) -> Result<()> {
    let (connection, channel) = connect(url, counts).await?;
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..Default::default()
    };
    let none = FieldTable::default;
    let queue = channel.queue_declare("".into(), exclusive, none()).await?;
    let name = queue.name().to_string();
    let options = BasicConsumeOptions::default();
    let consumer = channel
        .basic_consume(name.as_str().into(), "".into(), options, none())
        .await?;
    for _ in 0..5 {
        send(&channel, "", &name, 100).await?;
        let other = connection.create_channel().await?;
        send(&other, "", "nobody", 10).await?;
        other.close(200, "".into()).await?;
    }
    drop(consumer);
    if rand::random() {
        connection.close(200, "".into()).await?;
    }
    Ok(())
}

async fn declare_work(channel: &Channel) -> Result<()> {
    let durable = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let work = table([
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(DEAD)),
        ("x-max-length", AMQPValue::LongInt(500)),
        ("x-max-priority", AMQPValue::LongInt(3)),
    ]);
    let dead = table([
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(WORK)),
        ("x-max-length", AMQPValue::LongInt(100)),
        ("x-message-ttl", AMQPValue::LongInt(100)),
    ]);
    channel.queue_declare(WORK.into(), durable, work).await?;
    channel.queue_declare(DEAD.into(), durable, dead).await?;
    Ok(())
}

pub(super) async fn publish_work(url: &str, counts: &Counts) -> Result<()> {
    let (connection, channel) = connect(url, counts).await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    declare_work(&channel).await?;
    for _ in 0..ROUNDS {
        for _ in 0..20 {
            let size = match rand::random_range(0..50) {
                0 => 300_000,
                1..5 => 20_000,
                _ => 200,
            };
            send(&channel, "", WORK, size).await?;
            count(&counts.messages);
        }
        tokio::task::yield_now().await;
    }
    connection.close(200, "".into()).await
}

/// Acknowledges most, sends some through the dead letters, puts some back.
pub(super) async fn do_work(url: &str, counts: &Counts) -> Result<()> {
    let (connection, channel) = connect(url, counts).await?;
    declare_work(&channel).await?;
    let prefetch = rand::random_range(1..30);
    channel
        .basic_qos(prefetch, BasicQosOptions::default())
        .await?;
    let options = BasicConsumeOptions::default();
    let mut consumer = channel
        .basic_consume(WORK.into(), "".into(), options, FieldTable::default())
        .await?;
    for _ in 0..ROUNDS * 10 {
        let Some(delivery) = consumer.next().await else {
            break;
        };
        let tag = delivery?.delivery_tag;
        match rand::random_range(0..20) {
            0 => {
                let requeue = BasicNackOptions {
                    requeue: true,
                    multiple: true,
                };
                channel.basic_nack(tag, requeue).await?;
            }
            1..3 => {
                channel
                    .basic_reject(tag, BasicRejectOptions::default())
                    .await?;
            }
            // Left until the next one, or until the end.
            3..6 => {}
            _ => {
                let all = BasicAckOptions { multiple: true };
                channel.basic_ack(tag, all).await?;
            }
        }
    }
    connection.close(200, "".into()).await
}

pub(super) async fn bind_and_unbind(url: &str, counts: &Counts) -> Result<()> {
    let (connection, channel) = connect(url, counts).await?;
    let auto_delete = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..Default::default()
    };
    for _ in 0..ROUNDS {
        let exchange = Uuid::new_v4().to_string();
        let kinds = [
            ExchangeKind::Topic,
            ExchangeKind::Direct,
            ExchangeKind::Fanout,
            ExchangeKind::Headers,
        ];
        let kind = kinds[rand::random_range(0..kinds.len())].clone();
        let alternate = table([("alternate-exchange", text("amq.fanout"))]);
        let options = ExchangeDeclareOptions::default();
        channel
            .exchange_declare(exchange.as_str().into(), kind, options, alternate)
            .await?;
        let none = FieldTable::default;
        let queue = channel
            .queue_declare("".into(), auto_delete, none())
            .await?;
        for key in ["a.#", "*.b", "#.c.#", "a.b.c"] {
            let arguments = table([("h", AMQPValue::LongInt(rand::random_range(0..3)))]);
            let (queue, source) = (queue.name().clone(), exchange.as_str().into());
            let options = QueueBindOptions::default();
            channel
                .queue_bind(queue, source, key.into(), options, arguments)
                .await?;
            count(&counts.bindings);
        }
        send(&channel, &exchange, "a.b.c", 1000).await?;
        let got = BasicGetOptions { no_ack: true };
        channel.basic_get(queue.name().clone(), got).await?;
        if rand::random() {
            channel
                .queue_delete(queue.name().clone(), Default::default())
                .await?;
        }
        channel
            .exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default())
            .await?;
    }
    connection.close(200, "".into()).await
}

/// Queues that nobody deletes, and messages that nobody wants.
pub(super) async fn let_expire(url: &str, counts: &Counts) -> Result<()> {
    let (connection, channel) = connect(url, counts).await?;
    for _ in 0..ROUNDS {
        // Some wait for long, and are deleted before: their timers must go with them.
        let deleted = rand::random();
        let expires = if deleted { 3_600_000 } else { 200 };
        let arguments = table([
            ("x-expires", AMQPValue::LongInt(expires)),
            (
                "x-message-ttl",
                AMQPValue::LongInt(rand::random_range(0..300)),
            ),
            ("x-dead-letter-exchange", text("amq.fanout")),
        ]);
        let name = Uuid::new_v4().to_string();
        let options = QueueDeclareOptions::default();
        channel
            .queue_declare(name.as_str().into(), options, arguments)
            .await?;
        for _ in 0..5 {
            send(&channel, "", &name, 2000).await?;
        }
        if deleted {
            channel
                .queue_delete(name.as_str().into(), Default::default())
                .await?;
        }
        count(&counts.expired);
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    connection.close(200, "".into()).await
}

pub(super) async fn commit_and_roll_back(url: &str, counts: &Counts) -> Result<()> {
    let (connection, channel) = connect(url, counts).await?;
    let auto_delete = QueueDeclareOptions {
        exclusive: true,
        ..Default::default()
    };
    let none = FieldTable::default();
    let queue = channel.queue_declare("".into(), auto_delete, none).await?;
    channel.tx_select().await?;
    for _ in 0..ROUNDS {
        for _ in 0..10 {
            send(&channel, "", queue.name().as_str(), 500).await?;
        }
        if rand::random() {
            channel.tx_rollback().await?;
            continue;
        }
        channel.tx_commit().await?;
        while let Some(got) = channel
            .basic_get(queue.name().clone(), BasicGetOptions::default())
            .await?
        {
            got.ack(BasicAckOptions::default()).await?;
        }
        channel.tx_commit().await?;
        count(&counts.commits);
    }
    connection.close(200, "".into()).await
}
