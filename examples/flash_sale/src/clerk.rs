//! How an order service takes orders, whatever brought them: each by itself, or those that wait together.

use clap::Args;

use crate::contract::Answer;
use crate::failure::Result;
use crate::group::Group;
use crate::rule::Rule;
use crate::shop::{CONNECTIONS, Order, Shop};

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Habits {
    #[arg(long)]
    pub(crate) rule: Rule,
    /// Take the orders that wait together.
    #[arg(long)]
    pub(crate) group: bool,
    /// Connections to the database.
    #[arg(long, default_value_t = CONNECTIONS)]
    pub(crate) connections: u32,
}

#[derive(Debug)]
pub(crate) enum Clerk {
    Each(Rule, Shop),
    Together(Group),
}

impl Clerk {
    pub(crate) async fn new(database_url: &str, habits: Habits) -> Result<Self> {
        let shop = Shop::open(database_url, habits.connections).await?;
        Ok(if habits.group {
            Self::Together(Group::start(shop, habits.rule))
        } else {
            Self::Each(habits.rule, shop)
        })
    }

    pub(crate) async fn take(&self, order: Order) -> Result<Answer> {
        match self {
            Self::Each(rule, shop) => rule.take(shop, &order).await,
            Self::Together(group) => group.take(order).await,
        }
    }
}
