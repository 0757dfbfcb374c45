//! One look at the database for several orders: how many pieces are left, and who has bought already.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use sqlx::AnyConnection;

use super::Order;
use crate::failure::Result;
use crate::rule::Rule;

/// How many orders are taken at most with one look.
pub(crate) const TOGETHER: usize = 64;

/// A list in a statement has one of so many places, so that few statements are prepared, and a small group costs little.
const SIZES: [usize; 3] = [4, 16, TOGETHER];

/// The statements of one size.
struct Statements {
    places: usize,
    count: String,
    row: String,
}

static STATEMENTS: LazyLock<[Statements; 3]> = LazyLock::new(|| SIZES.map(Statements::new));

impl Statements {
    fn new(places: usize) -> Self {
        let list = |from: usize| {
            let places: Vec<String> = (from..from + places)
                .map(|place| format!("${place}"))
                .collect();
            places.join(", ")
        };
        let (items, calls) = (list(1), list(places + 1));
        // One statement for both questions: each costs a way to the database and back.
        let look = |left: &str| {
            format!(
                "SELECT id, {left}, CAST(NULL AS TEXT) FROM flash_sale_items WHERE id IN ({items})
                 UNION ALL
                 SELECT item_id, 0, call_id FROM flash_sale_orders WHERE call_id IN ({calls})"
            )
        };
        Self {
            places,
            count: look("pieces - (SELECT COUNT(*) FROM flash_sale_orders WHERE item_id = id)"),
            row: look("pieces_left"),
        }
    }
}

#[derive(Debug)]
pub(super) struct Look {
    /// Pieces by item; an item that is not there is not in it.
    pub(super) left: HashMap<i64, i64>,
    /// Calls that have bought a piece.
    pub(super) bought: HashSet<String>,
}

impl Look {
    pub(super) async fn at(
        connection: &mut AnyConnection,
        rule: Rule,
        orders: &[Order],
    ) -> Result<Self> {
        let statements = STATEMENTS
            .iter()
            .find(|statements| orders.len() <= statements.places)
            .expect("a group has at most TOGETHER orders");
        let mut query = sqlx::query_as(match rule {
            Rule::Count => &statements.count,
            Rule::Row => &statements.row,
        });
        let places = || (0..statements.places).map(|place| orders.get(place));
        for order in places() {
            query = query.bind(order.map_or(i64::MIN, |order| order.item_id));
        }
        for order in places() {
            query = query.bind(order.map_or("", |order| &order.call_id));
        }
        let rows: Vec<(i64, i64, Option<String>)> = query.fetch_all(connection).await?;
        let mut look = Self {
            left: HashMap::new(),
            bought: HashSet::new(),
        };
        for (item, left, call) in rows {
            match call {
                Some(call) => drop(look.bought.insert(call)),
                None => drop(look.left.insert(item, left)),
            }
        }
        Ok(look)
    }
}
