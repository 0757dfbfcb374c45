//! The ways to hold the sale: what stands between the web front end and the database, and nothing else, differs.

use crate::rule::Rule;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    /// As on the command line and in the table.
    pub(crate) name: &'static str,
    pub(crate) orders: Orders,
    pub(crate) front: Front,
    /// Whether it sells exactly what there is, by its design.
    pub(crate) exact: bool,
}

/// The order service.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Orders {
    /// One process behind HTTP.
    Http(Rule),
    /// One process behind a queue that takes one order at a time.
    OneByOne,
    /// Several processes behind a queue, each with many orders at once.
    Several,
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

pub(crate) const VARIANTS: [Variant; 6] = [
    Variant {
        name: BASELINE,
        orders: Orders::Http(Rule::Count),
        front: Front::Rust,
        exact: false,
    },
    Variant {
        name: "http-row",
        orders: Orders::Http(Rule::Row),
        front: Front::Rust,
        exact: true,
    },
    Variant {
        name: "one-by-one",
        orders: Orders::OneByOne,
        front: Front::Rust,
        exact: true,
    },
    Variant {
        name: "row",
        orders: Orders::Several,
        front: Front::Rust,
        exact: true,
    },
    Variant {
        name: "row-short-cut",
        orders: Orders::Several,
        front: Front::ShortCut,
        exact: true,
    },
    Variant {
        name: "row-node",
        orders: Orders::Several,
        front: Front::Node,
        exact: true,
    },
];
