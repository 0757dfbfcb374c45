//! The same work over lapin alone, used as well as it can be: two connections at each end, an exclusive
//! reply queue, publishes polled once, acknowledgements in batches, nothing awaited that need not be.

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use slab::Slab;
use tokio::sync::oneshot;

const QUEUE: &str = "lapin-bench";

async fn channel(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default())
        .await
        .expect("a broker");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

/// lapin queues the frames on the first poll; what comes after is waiting.
fn publish(
    channel: &Channel,
    to: ShortString,
    mandatory: bool,
    body: &[u8],
    properties: BasicProperties,
) {
    let options = BasicPublishOptions {
        mandatory,
        immediate: false,
    };
    let mut publish =
        std::pin::pin!(channel.basic_publish("".into(), to, options, body, properties));
    let _ = publish
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
}

fn answer(body: &[u8]) -> Vec<u8> {
    match <[u8; 8]>::try_from(body) {
        Ok(n) => super::fib(u64::from_le_bytes(n)).to_le_bytes().to_vec(),
        Err(_) => body.to_vec(),
    }
}

pub(super) async fn serve(url: &str) {
    let (_requests, requests) = channel(url).await;
    let (_replies, replies) = channel(url).await;
    let queue = QueueDeclareOptions {
        auto_delete: true,
        durable: true,
        ..Default::default()
    };
    requests
        .queue_declare(QUEUE.into(), queue, FieldTable::default())
        .await
        .expect("a queue");
    requests
        .basic_qos(256, BasicQosOptions::default())
        .await
        .expect("qos");
    let mut consumer = consume(&requests, QUEUE.into(), false).await;
    while let Some(delivery) = consumer.next().await {
        let mut next = Some(delivery);
        let mut last = 0;
        while let Some(Ok(delivery)) = next {
            last = delivery.delivery_tag;
            if let (Some(to), Some(id)) = (
                delivery.properties.reply_to().clone(),
                delivery.properties.correlation_id().clone(),
            ) {
                let properties = BasicProperties::default().with_correlation_id(id);
                publish(&replies, to, false, &answer(&delivery.data), properties);
            }
            next = consumer.next().now_or_never().flatten();
        }
        let mut ack = std::pin::pin!(requests.basic_ack(last, BasicAckOptions { multiple: true }));
        let _ = ack.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}

async fn consume(channel: &Channel, queue: ShortString, no_ack: bool) -> Consumer {
    let options = BasicConsumeOptions {
        no_ack,
        ..Default::default()
    };
    channel
        .basic_consume(queue, "".into(), options, FieldTable::default())
        .await
        .expect("a consumer")
}

#[derive(Clone)]
pub(super) struct Client(Arc<Inner>);

struct Inner {
    _connections: [Connection; 2],
    requests: Mutex<Channel>,
    reply_to: ShortString,
    mandatory: bool,
    pending: Arc<Mutex<Slab<oneshot::Sender<Vec<u8>>>>>,
}

impl Client {
    pub(super) async fn connect(url: &str, confirms: bool) -> Self {
        let (out, requests) = channel(url).await;
        let (back, replies) = channel(url).await;
        while requests_missing(&out).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if confirms {
            requests
                .confirm_select(ConfirmSelectOptions::default())
                .await
                .expect("confirms");
            let requests = requests.clone();
            tokio::spawn(async move {
                // lapin keeps what nobody waited for until somebody asks.
                loop {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    let _ = requests.wait_for_confirms().await;
                }
            });
        }
        let reply_to: ShortString =
            format!("lapin-bench-replies-{confirms}-{}", std::process::id()).into();
        let queue = QueueDeclareOptions {
            exclusive: true,
            ..Default::default()
        };
        replies
            .queue_declare(reply_to.clone(), queue, FieldTable::default())
            .await
            .expect("a queue");
        let mut consumer = consume(&replies, reply_to.clone(), true).await;
        let pending = Arc::new(Mutex::new(Slab::<oneshot::Sender<Vec<u8>>>::new()));
        let waiting = Arc::clone(&pending);
        tokio::spawn(async move {
            let _channel = replies;
            while let Some(Ok(delivery)) = consumer.next().await {
                let id = delivery
                    .properties
                    .correlation_id()
                    .as_ref()
                    .and_then(|id| id.as_str().parse().ok());
                let waiter =
                    id.and_then(|id: usize| waiting.lock().expect("no panics").try_remove(id));
                if let Some(waiter) = waiter {
                    let _ = waiter.send(delivery.data);
                }
            }
        });
        Self(Arc::new(Inner {
            _connections: [out, back],
            requests: Mutex::new(requests),
            reply_to,
            mandatory: confirms,
            pending,
        }))
    }

    async fn call(&self, body: &[u8]) -> Vec<u8> {
        let (waiter, reply) = oneshot::channel();
        let id = self.0.pending.lock().expect("no panics").insert(waiter);
        let properties = BasicProperties::default()
            .with_correlation_id(id.to_string().into())
            .with_reply_to(self.0.reply_to.clone());
        publish(
            &self.0.requests.lock().expect("no panics"),
            QUEUE.into(),
            self.0.mandatory,
            body,
            properties,
        );
        reply.await.expect("an answer")
    }
}

async fn requests_missing(connection: &Connection) -> bool {
    let channel = connection.create_channel().await.expect("a channel");
    let passive = QueueDeclareOptions {
        passive: true,
        ..Default::default()
    };
    channel
        .queue_declare(QUEUE.into(), passive, FieldTable::default())
        .await
        .is_err()
}

impl super::Stack for Client {
    async fn fib(&self, n: u64) -> u64 {
        let body = self.call(&n.to_le_bytes()).await;
        u64::from_le_bytes(body.try_into().expect("eight bytes"))
    }

    async fn echo(&self, body: Vec<u8>) -> usize {
        self.call(&body).await.len()
    }
}
