//! The same work over lapin alone, used as well as it can be: a connection for each direction, as many publishes under way
//! as Leveret has, acknowledgements handed over and not waited for.

use futures_util::{FutureExt, StreamExt, stream};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{FieldTable, LongUInt, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use super::{Stack, UNDER_WAY, UNUSED};

pub(super) struct Tasks {
    _out: Connection,
    back: Connection,
    pushing: Channel,
    queue: ShortString,
}

async fn connect(url: &str) -> Connection {
    Connection::connect(url, ConnectionProperties::default())
        .await
        .expect("a broker")
}

impl Tasks {
    pub(super) async fn open(url: &str) -> Self {
        let (out, back) = (connect(url).await, connect(url).await);
        let pushing = out.create_channel().await.expect("a channel");
        pushing
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .expect("confirms");
        let queue: ShortString = format!("lapin-bench-tasks-{}", std::process::id()).into();
        let mut arguments = FieldTable::default();
        let unused = UNUSED.as_millis() as LongUInt;
        arguments.insert("x-expires".into(), unused.into());
        let options = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        pushing
            .queue_declare(queue.clone(), options, arguments)
            .await
            .expect("a queue");
        Self {
            _out: out,
            back,
            pushing,
            queue,
        }
    }

    async fn push(&self, task: usize) {
        let options = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        let properties = BasicProperties::default().with_delivery_mode(2);
        let confirm = self
            .pushing
            .basic_publish(
                "".into(),
                self.queue.clone(),
                options,
                &task.to_le_bytes(),
                properties,
            )
            .await
            .expect("it is sent");
        let confirmed = confirm.await.expect("a confirm");
        assert!(matches!(confirmed, Confirmation::Ack(None)));
    }
}

impl Stack for Tasks {
    async fn push_each(&self, tasks: usize) {
        for task in 0..tasks {
            self.push(task).await;
        }
    }

    async fn push_all(&self, tasks: usize) {
        stream::iter(0..tasks)
            .map(|task| self.push(task))
            .buffered(UNDER_WAY)
            .for_each(|()| async {})
            .await;
    }

    async fn work(&self, tasks: usize, prefetch: u16) {
        let channel = self.back.create_channel().await.expect("a channel");
        channel
            .basic_qos(prefetch, BasicQosOptions::default())
            .await
            .expect("qos");
        let mut consumer = channel
            .basic_consume(
                self.queue.clone(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("a consumer");
        for _ in 0..tasks {
            let delivery = consumer.next().await.expect("a delivery").expect("a task");
            let _: [u8; 8] = delivery.data.as_slice().try_into().expect("eight bytes");
            // Its frames are on their way after one poll.
            let ack = channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default());
            ack.now_or_never();
        }
        channel
            .basic_cancel(consumer.tag(), BasicCancelOptions::default())
            .await
            .expect("it is cancelled");
        channel
            .close(200, "done".into())
            .await
            .expect("it is closed");
    }
}
