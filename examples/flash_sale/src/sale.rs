//! One sale: a variant's processes, a crowd of buyers, and afterwards the books.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::ProgressBar;
use tokio::process::Command;

use crate::cpu::Clock;
use crate::failure::Result;
use crate::load::{self, Crowd, Seen};
use crate::processes::Processes;
use crate::shop::Shop;
use crate::variants::{Front, Orders, Variant};

/// What every sale of a run has in common.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) items: u32,
    /// Of each item.
    pub(crate) pieces: u32,
    /// Processes of the order service, in the variants with several.
    pub(crate) instances: u32,
    pub(crate) amqp_url: String,
    pub(crate) database_url: String,
    /// In front of the names on the broker.
    pub(crate) namespace: String,
    /// Where the Node gateway is.
    pub(crate) gateway: String,
}

impl Terms {
    pub(crate) fn all_pieces(&self) -> u64 {
        u64::from(self.items) * u64::from(self.pieces)
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) seen: Seen,
    /// Orders in the database, by item.
    pub(crate) sold: BTreeMap<i64, i64>,
    /// Processor time by process, the buyers' among them.
    pub(crate) cpu: BTreeMap<String, Duration>,
}

impl Outcome {
    pub(crate) fn orders(&self) -> u64 {
        self.sold.values().sum::<i64>().unsigned_abs()
    }

    /// What is wrong with the books.
    pub(crate) fn faults(&self, terms: &Terms) -> Vec<String> {
        let mut faults = Vec::new();
        for item in 1..=terms.items {
            let (sold, pieces) = (self.sold.get(&item.into()).unwrap_or(&0), terms.pieces);
            if *sold != i64::from(pieces) {
                faults.push(format!(
                    "{sold} orders for item {item}, of which there were {pieces}"
                ));
            }
        }
        // A buyer whose answer was lost may have an order; nobody may be told of one that is not there.
        let (told, orders, lost) = (self.seen.ordered, self.orders(), self.seen.errors);
        if told > orders || told + lost < orders {
            faults.push(format!(
                "{told} buyers were told that they have one of {orders} orders"
            ));
        }
        faults
    }
}

pub(crate) async fn hold(
    terms: &Terms,
    variant: &Variant,
    crowd: Crowd,
    shop: &Shop,
    processes: &mut Processes,
    progress: &ProgressBar,
) -> Result<Outcome> {
    let before = processes.count();
    shop.create(terms.items.into(), terms.pieces.into()).await?;
    let front = open(terms, variant, processes).await?;
    let mut clock = Clock::default();
    let seen = load::run(crowd, &front, || clock = Clock::read(processes), progress).await?;
    let cpu = Clock::read(processes).since(&clock);
    processes.stop_after(before).await?;
    Ok(Outcome {
        seen,
        sold: shop.sold().await?,
        cpu,
    })
}

/// Starts the variant's processes. Returns where the web front end is.
async fn open(terms: &Terms, variant: &Variant, processes: &mut Processes) -> Result<String> {
    let environment = [
        ("AMQP_URL", terms.amqp_url.as_str()),
        ("DATABASE_URL", terms.database_url.as_str()),
        ("FLASH_SALE_NAMESPACE", terms.namespace.as_str()),
    ];
    let mut backend = "leveret".to_owned();
    match variant.orders {
        Orders::Http(rule) => {
            let arguments = ["http-orders", "--rule", rule.name()];
            backend = processes
                .start_role("orders", &arguments, &environment)
                .await?;
        }
        Orders::OneByOne => {
            let arguments = [
                "leveret-orders",
                "--rule",
                "count",
                "--concurrency",
                "1",
                "--connections",
                "1",
            ];
            processes
                .start_role("orders", &arguments, &environment)
                .await?;
        }
        Orders::Several => {
            for _ in 0..terms.instances {
                let arguments = ["leveret-orders", "--rule", "row"];
                processes
                    .start_role("orders", &arguments, &environment)
                    .await?;
            }
        }
    }
    match variant.front {
        Front::Node => {
            let mut command = Command::new("node");
            command.arg(&terms.gateway).envs(environment);
            processes.start("front", command).await
        }
        front => {
            let mut arguments = vec!["front", "--backend", &backend];
            if front == Front::ShortCut {
                arguments.push("--short-cut");
            }
            processes
                .start_role("front", &arguments, &environment)
                .await
        }
    }
}
