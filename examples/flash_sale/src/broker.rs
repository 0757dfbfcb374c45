//! A broker in memory as a process of its own, where `AMQP_URL` names none.

use leveret_broker::Broker;

use crate::failure::{Failure, Result};
use crate::roles::{ready, told_to_end};

pub(crate) async fn run() -> Result<()> {
    let broker = Broker::bind("127.0.0.1:0")
        .await
        .map_err(|error| Failure::Unusable(format!("no broker: {error}")))?;
    ready(broker.url())?;
    told_to_end().await;
    broker.stop().await;
    Ok(())
}
