//! The table: the sales of a run put together by variant and crowd, each beside the naive one over HTTP.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::load::Seen;
use crate::sale::{Outcome, Terms};
use crate::variants::{BASELINE, Variant};

/// All sales of one variant with crowds of one size.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) variant: Variant,
    pub(crate) clients: u32,
    outcomes: Vec<Outcome>,
}

impl Row {
    pub(crate) fn new(variant: Variant, clients: u32) -> Self {
        Self {
            variant,
            clients,
            outcomes: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// Transactions a second: the median of the sales.
    pub(crate) fn throughput(&self) -> f64 {
        let mut rates: Vec<f64> = self
            .outcomes
            .iter()
            .map(|outcome| outcome.seen.requests() as f64 / outcome.seen.elapsed.as_secs_f64())
            .collect();
        rates.sort_unstable_by(f64::total_cmp);
        match rates.len() {
            0 => 0.0,
            n if n % 2 == 1 => rates[n / 2],
            n => f64::midpoint(rates[n / 2 - 1], rates[n / 2]),
        }
    }

    fn seen(&self) -> Seen {
        let mut seen = Seen::new();
        for outcome in &self.outcomes {
            seen.add(&outcome.seen);
        }
        seen
    }

    /// `100`, or `100 to 103`.
    fn orders(&self) -> String {
        let orders = || self.outcomes.iter().map(Outcome::orders);
        match (orders().min(), orders().max()) {
            (Some(least), Some(most)) if least != most => format!("{least} to {most}"),
            (Some(all), _) => all.to_string(),
            _ => String::new(),
        }
    }

    /// What is wrong with its books, where it promises that nothing is.
    pub(crate) fn faults(&self, terms: &Terms) -> Vec<String> {
        let outcomes = self.outcomes.iter().filter(|_| self.variant.orders.exact());
        outcomes
            .flat_map(|outcome| outcome.faults(terms))
            .map(|fault| {
                format!(
                    "{} with {} clients: {fault}",
                    self.variant.name, self.clients
                )
            })
            .collect()
    }

    /// Microseconds of processor time for a request, by process.
    fn cpu(&self) -> BTreeMap<&str, f64> {
        let requests: u64 = self
            .outcomes
            .iter()
            .map(|outcome| outcome.seen.requests())
            .sum();
        let mut sum: BTreeMap<&str, f64> = BTreeMap::new();
        for (name, busy) in self.outcomes.iter().flat_map(|outcome| &outcome.cpu) {
            *sum.entry(name).or_default() += busy.as_secs_f64() * 1e6 / requests.max(1) as f64;
        }
        sum
    }
}

/// Rows in the order in which they are shown.
#[derive(Debug, Default)]
pub(crate) struct Report(pub(crate) Vec<Row>);

impl Report {
    /// How many times the throughput of the naive service with as many clients, where that was measured.
    pub(crate) fn ratio(&self, row: &Row) -> Option<f64> {
        let baseline = self
            .0
            .iter()
            .find(|other| other.variant.name == BASELINE && other.clients == row.clients)?;
        Some(row.throughput() / baseline.throughput())
    }

    fn table(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "{:<14} {:>7} {:>9} {:>7} {:>8} {:>8} {:>9} {:>8} {:>11} {:>6}",
            "variant",
            "clients",
            "tps",
            "ratio",
            "p50 ms",
            "p99 ms",
            "longest",
            "success",
            "orders",
            "errors"
        )?;
        for row in &self.0 {
            let seen = row.seen();
            let milliseconds = |microseconds: u64| microseconds as f64 / 1000.0;
            let answered = seen.requests() - seen.errors;
            writeln!(
                out,
                "{:<14} {:>7} {:>9.0} {:>7} {:>8.1} {:>8.1} {:>9.1} {:>7.2}% {:>11} {:>6}",
                row.variant.name,
                row.clients,
                row.throughput(),
                self.ratio(row)
                    .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
                milliseconds(seen.latencies.value_at_quantile(0.5)),
                milliseconds(seen.latencies.value_at_quantile(0.99)),
                milliseconds(seen.latencies.max()),
                answered as f64 * 100.0 / seen.requests().max(1) as f64,
                row.orders(),
                seen.errors,
            )?;
        }
        Ok(())
    }

    /// Nothing where the system does not tell.
    fn profile(&self, out: &mut String) -> fmt::Result {
        const PROCESSES: [&str; 4] = ["buyers", "front", "broker", "orders"];
        if self.0.iter().all(|row| row.cpu().is_empty()) {
            return Ok(());
        }
        writeln!(out, "\nmicroseconds of processor time for a request")?;
        write!(out, "{:<14} {:>7}", "variant", "clients")?;
        for process in PROCESSES {
            write!(out, " {process:>9}")?;
        }
        writeln!(out, " {:>9}", "all")?;
        for row in &self.0 {
            let cpu = row.cpu();
            write!(out, "{:<14} {:>7}", row.variant.name, row.clients)?;
            for process in PROCESSES {
                match cpu.get(process) {
                    Some(busy) => write!(out, " {busy:>9.1}")?,
                    None => write!(out, " {:>9}", "-")?,
                }
            }
            writeln!(out, " {:>9.1}", cpu.values().sum::<f64>())?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.table(&mut text)?;
        self.profile(&mut text)?;
        f.write_str(&text)
    }
}
