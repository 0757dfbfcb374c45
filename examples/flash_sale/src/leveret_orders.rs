//! The order service behind a queue: the same two rules as over HTTP, in one process or in several.

use leveret::{Code, Connection, Context, Error, Executed, QueueOptions, ServiceOptions};

use crate::contract::{Answer, Orders, OrdersServer};
use crate::failure::{Failure, Result};
use crate::roles::{ready, told_to_end};
use crate::rule::Rule;
use crate::shop::{Order, Shop};

struct Service {
    shop: Shop,
    rule: Rule,
}

impl Orders for Service {
    async fn buy(&self, cx: &Context, item_id: i64) -> std::result::Result<Answer, Error> {
        let call_id = cx.message_id().ok_or_else(|| {
            Error::new(
                Code::InvalidArgument,
                "an order wants a message_id, its unique key",
            )
            .with_executed(Executed::No)
        })?;
        let order = Order {
            call_id: call_id.to_owned(),
            item_id,
        };
        match self.rule.take(&self.shop, &order).await {
            Ok(answer) => Ok(answer),
            Err(error @ Failure::NoSuchItem(_)) => {
                Err(Error::new(Code::InvalidArgument, error.to_string())
                    .with_executed(Executed::No))
            }
            Err(error) => Err(Error::new(Code::Unavailable, error.to_string())),
        }
    }
}

/// Serves until told to end; `concurrency` orders at once.
pub(crate) async fn run(
    connection: Connection,
    shop: Shop,
    rule: Rule,
    concurrency: u16,
) -> Result<()> {
    // What waits in the queue is no hurry of one instance alone: enough to hide the broker's round trip.
    let options = ServiceOptions::new()
        .concurrency(concurrency)
        .prefetch(concurrency.max(64))
        .queue(QueueOptions::classic().delete_when_idle(true));
    let server = connection
        .server()
        .service_with(OrdersServer::new(Service { shop, rule }), options)
        .start()
        .await?;
    ready("on the queue")?;
    told_to_end().await;
    server.stop().await;
    connection.close().await;
    Ok(())
}
