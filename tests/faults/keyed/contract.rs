//! What is ordered by key in these tests: the contract of those that push and call, and of the programs that are killed.

use std::time::Duration;

use leveret::{Retry, TaskQueue, rpc_service};

const PARTITIONS: u16 = 16;

/// A key, and the number of the step among those of its key.
pub(crate) type Step = (u32, u32);

/// No step is blamed for the deaths of its workers: there are more attempts than kills.
pub(crate) fn steps() -> TaskQueue<Step> {
    let rest = Duration::from_millis(20);
    TaskQueue::new("steps")
        .keyed(PARTITIONS)
        .retry(Retry::new(1_000).delay(rest, rest))
}

#[rpc_service(name = "ledger", partitions = 16)]
pub(crate) trait Ledger {
    #[rpc(key = "key")]
    async fn step(&self, key: u32, n: u32) -> u32;
}
