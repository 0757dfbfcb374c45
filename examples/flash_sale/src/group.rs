//! Takes the orders that wait together, in the order in which they came: one look at the database for all of them. This is
//! what a queue makes easy: whoever reads it alone may answer many with one piece of work.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::contract::Answer;
use crate::failure::{Failure, Result};
use crate::rule::Rule;
use crate::shop::{Order, Shop, TOGETHER};

type Waiting = (
    Order,
    oneshot::Sender<std::result::Result<Answer, Arc<Failure>>>,
);

#[derive(Debug)]
pub(crate) struct Group(mpsc::Sender<Waiting>);

impl Group {
    /// Takes orders until it is dropped.
    pub(crate) fn start(shop: Shop, rule: Rule) -> Self {
        let (send, receive) = mpsc::channel(TOGETHER);
        tokio::spawn(run(shop, rule, receive));
        Self(send)
    }

    pub(crate) async fn take(&self, order: Order) -> Result<Answer> {
        let (answer, answered) = oneshot::channel();
        let gone = || Failure::Unusable("nobody takes orders any more".into());
        self.0.send((order, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?.map_err(Failure::Shared)
    }
}

async fn run(shop: Shop, rule: Rule, mut waiting: mpsc::Receiver<Waiting>) {
    let (mut orders, mut buyers) = (Vec::new(), Vec::new());
    let mut together = Vec::with_capacity(TOGETHER);
    while waiting.recv_many(&mut together, TOGETHER).await > 0 {
        for (order, buyer) in together.drain(..) {
            orders.push(order);
            buyers.push(buyer);
        }
        let answers = shop.take_together(rule, &orders).await.map_err(Arc::new);
        for (index, buyer) in buyers.drain(..).enumerate() {
            // A buyer who has gone away in the meantime has his order all the same: its id finds it.
            let _ = buyer.send(match &answers {
                Ok(answers) => answers[index]
                    .ok_or_else(|| Arc::new(Failure::NoSuchItem(orders[index].item_id))),
                Err(error) => Err(Arc::clone(error)),
            });
        }
        orders.clear();
    }
}
