//! Which of the two ways to take an order a service uses.

use clap::ValueEnum;

use crate::contract::Answer;
use crate::failure::Result;
use crate::shop::{Order, Shop};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rule {
    /// Count the orders, then insert one: right where orders for an item come one after another.
    Count,
    /// Take a piece off the row in the database: right everywhere.
    Row,
}

impl Rule {
    pub(crate) async fn take(self, shop: &Shop, order: &Order) -> Result<Answer> {
        match self {
            Self::Count => shop.count_then_insert(order).await,
            Self::Row => shop.take_a_piece(order).await,
        }
    }

    /// As the command line has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Row => "row",
        }
    }
}
