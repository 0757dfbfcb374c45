//! Where the time goes: how long each process of a sale kept a processor busy. Linux tells; elsewhere nothing is shown.
//! SQLite works inside of the order service; what a server for the database or a broker of somebody else spends is not seen.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::processes::{DATABASE, Processes};

/// Processor time by name; processes of one name count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(BTreeMap<String, Duration>);

impl Clock {
    pub(crate) fn read(processes: &Processes) -> Self {
        let mut clock = Self::default();
        let seen = processes.ids().filter(|(name, _)| *name != DATABASE);
        for (name, id) in seen.chain([("buyers", std::process::id())]) {
            if let Some(busy) = busy(id) {
                *clock.0.entry(name.to_owned()).or_default() += busy;
            }
        }
        clock
    }

    pub(crate) fn since(self, earlier: &Self) -> BTreeMap<String, Duration> {
        self.0
            .into_iter()
            .map(|(name, busy)| {
                let before = earlier.0.get(&name).copied().unwrap_or_default();
                (name, busy.saturating_sub(before))
            })
            .collect()
    }
}

/// All threads of a process, to the nanosecond; `/proc/ID/stat` counts in hundredths of a second.
fn busy(process: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let spent = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        spent.split(' ').next()?.parse::<u64>().ok()
    });
    Some(Duration::from_nanos(nanoseconds.sum()))
}
