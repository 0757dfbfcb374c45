//! The ways to hold the sale: what stands between the web front end and the database, and nothing else, differs.

use crate::rule::Rule;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    /// As on the command line and in the table.
    pub(crate) name: &'static str,
    pub(crate) orders: Orders,
    pub(crate) front: Front,
}

/// The order service.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Orders {
    /// One process behind HTTP.
    Http(Rule),
    /// One process behind HTTP that takes the orders that wait together.
    HttpGrouped,
    /// One process behind a queue that takes one order at a time.
    OneByOne,
    /// One process behind a queue that takes the orders that wait together.
    OneGrouped,
    /// Several processes behind a queue for each item, or nearly so, that take the orders for an item one at a time.
    Keyed,
    /// Several processes behind a queue, each with many orders at once.
    Row,
    /// The same, and each takes the orders that wait together.
    RowGrouped,
}

impl Orders {
    /// Exactly what there is is sold, by design.
    pub(crate) fn exact(self) -> bool {
        !matches!(self, Self::Http(Rule::Count))
    }

    /// More than one process.
    pub(crate) fn several(self) -> bool {
        matches!(self, Self::Keyed | Self::Row | Self::RowGrouped)
    }

    /// How each process is started.
    pub(crate) fn arguments(self) -> Vec<&'static str> {
        let (role, options): (_, &[_]) = match self {
            Self::Http(rule) => ("http-orders", &["--rule", rule.name()]),
            Self::HttpGrouped => ("http-orders", &["--rule", "count", "--group"]),
            Self::OneByOne => (
                "leveret-orders",
                &[
                    "--rule",
                    "count",
                    "--concurrency",
                    "1",
                    "--connections",
                    "1",
                ],
            ),
            Self::OneGrouped => (
                "leveret-orders",
                &["--rule", "count", "--group", "--connections", "1"],
            ),
            Self::Keyed => (
                "leveret-orders",
                &["--rule", "count", "--group", "--by-item"],
            ),
            Self::Row => ("leveret-orders", &["--rule", "row"]),
            Self::RowGrouped => ("leveret-orders", &["--rule", "row", "--group"]),
        };
        [&[role], options].concat()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// axum, with a client of the order service that fits.
    Rust,
    /// The same, remembering what is sold out.
    ShortCut,
    /// Express and amqplib, without a line of Leveret.
    Node,
}

/// What the others are compared with.
pub(crate) const BASELINE: &str = "http";

pub(crate) const VARIANTS: [Variant; 10] = [
    Variant::new(BASELINE, Orders::Http(Rule::Count), Front::Rust),
    Variant::new("http-row", Orders::Http(Rule::Row), Front::Rust),
    Variant::new("http-grouped", Orders::HttpGrouped, Front::Rust),
    Variant::new("one-by-one", Orders::OneByOne, Front::Rust),
    Variant::new("one-grouped", Orders::OneGrouped, Front::Rust),
    Variant::new("keyed", Orders::Keyed, Front::Rust),
    Variant::new("row", Orders::Row, Front::Rust),
    Variant::new("row-grouped", Orders::RowGrouped, Front::Rust),
    Variant::new("row-short-cut", Orders::RowGrouped, Front::ShortCut),
    Variant::new("row-node", Orders::RowGrouped, Front::Node),
];

impl Variant {
    const fn new(name: &'static str, orders: Orders, front: Front) -> Self {
        Self {
            name,
            orders,
            front,
        }
    }
}
