//! The order service behind a queue: the same rules as over HTTP, in one process or in several.

use leveret::{Code, Connection, Context, Error, Executed, QueueOptions, ServiceOptions};

use crate::clerk::Clerk;
use crate::contract::{Answer, Orders, OrdersByItem, OrdersByItemServer, OrdersServer};
use crate::failure::Result;
use crate::roles::{ready, told_to_end};
use crate::shop::Order;

/// Requests on their way here while others are being answered: enough to hide the broker's round trip.
const AHEAD: u16 = 64;

struct Service(Clerk);

impl Service {
    async fn take(&self, cx: &Context, item_id: i64) -> std::result::Result<Answer, Error> {
        let Some(call_id) = cx.message_id() else {
            return Err(Error::new(
                Code::InvalidArgument,
                "an order wants a message_id: it is the order's unique key",
            )
            .with_executed(Executed::No));
        };
        let order = Order {
            call_id: call_id.to_owned(),
            item_id,
        };
        self.0.take(order).await.map_err(|error| {
            if error.is_unknown_item() {
                Error::new(Code::InvalidArgument, error.to_string()).with_executed(Executed::No)
            } else {
                Error::new(Code::Unavailable, error.to_string())
            }
        })
    }
}

impl Orders for Service {
    async fn buy(&self, cx: &Context, item_id: i64) -> std::result::Result<Answer, Error> {
        self.take(cx, item_id).await
    }
}

impl OrdersByItem for Service {
    async fn buy(&self, cx: &Context, item_id: i64) -> std::result::Result<Answer, Error> {
        self.take(cx, item_id).await
    }
}

/// Serves until told to end: `concurrency` orders at once, or one at a time for each item.
pub(crate) async fn run(
    connection: Connection,
    clerk: Clerk,
    concurrency: u16,
    by_item: bool,
) -> Result<()> {
    let options = ServiceOptions::new()
        .concurrency(concurrency)
        .prefetch(concurrency.max(AHEAD))
        .queue(QueueOptions::classic().delete_when_idle(true));
    let (server, service) = (connection.server(), Service(clerk));
    let server = if by_item {
        server.service_with(OrdersByItemServer::new(service), options)
    } else {
        server.service_with(OrdersServer::new(service), options)
    };
    let server = server.start().await?;
    ready("on the queue")?;
    told_to_end().await;
    server.stop().await;
    connection.close().await;
    Ok(())
}
