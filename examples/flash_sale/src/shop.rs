//! The shop's database, the same for every variant: SQLite in a file, or PostgreSQL. Both ways to take an order are here,
//! the one that is only right when nobody else does the same at the same time, and the one that always is.

use std::collections::BTreeMap;
use std::sync::{Arc, Once};

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyConnection, AnyPool, Connection, Executor};
use tokio::sync::{Mutex, MutexGuard};

use crate::contract::Answer;
use crate::failure::{Failure, Result};
use crate::rule::Rule;

mod look;
#[cfg(test)]
mod tests;

use look::Look;
pub(crate) use look::TOGETHER;

/// Connections of a service's pool unless it is told otherwise, as sqlx has it.
pub(crate) const CONNECTIONS: u32 = 10;

/// One piece of an item for one caller.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// Unique: whoever asks again under the same id has bought already.
    pub(crate) call_id: String,
    pub(crate) item_id: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pool: AnyPool,
    kind: &'static str,
    /// SQLite lets one write at a time and has the others sleep and try again; within a process they can take turns.
    turn: Option<Arc<Mutex<()>>>,
}

impl Shop {
    /// Opens a database that [`create`](Self::create) has filled, with as many connections as may be used at once.
    pub(crate) async fn open(url: &str, connections: u32) -> Result<Self> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(install_default_drivers);
        // A pool tries for half a minute and then does not say what went wrong.
        AnyConnection::connect(url).await?.close().await?;
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .min_connections(connections)
            // The pool's own look at each connection would cost every variant a round trip.
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(async move { settings(connection).await }))
            .connect(url)
            .await?;
        let (kind, turn) = if url.starts_with("sqlite:") {
            ("SQLite", Some(Arc::default()))
        } else {
            ("PostgreSQL", None)
        };
        Ok(Self { pool, kind, turn })
    }

    /// `SQLite` or `PostgreSQL`.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Empties the shop and puts so many pieces of so many items on the shelf. As many, with numbers from 0 down, have none.
    pub(crate) async fn create(&self, items: i64, pieces: i64) -> Result<()> {
        self.clear().await?;
        for statement in [
            "CREATE TABLE flash_sale_items
                (id BIGINT PRIMARY KEY, pieces BIGINT NOT NULL, pieces_left BIGINT NOT NULL)",
            "CREATE TABLE flash_sale_orders (call_id TEXT PRIMARY KEY, item_id BIGINT NOT NULL)",
            "CREATE INDEX flash_sale_orders_item ON flash_sale_orders (item_id)",
        ] {
            self.pool.execute(statement).await?;
        }
        for item in 1 - items..=items {
            let pieces = if item > 0 { pieces } else { 0 };
            sqlx::query("INSERT INTO flash_sale_items VALUES ($1, $2, $3)")
                .bind(item)
                .bind(pieces)
                .bind(pieces)
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }

    /// Leaves nothing of the shop in the database.
    pub(crate) async fn clear(&self) -> Result<()> {
        for statement in [
            "DROP TABLE IF EXISTS flash_sale_orders",
            "DROP TABLE IF EXISTS flash_sale_items",
        ] {
            self.pool.execute(statement).await?;
        }
        Ok(())
    }

    /// Counts the orders and then, if there are pieces left, inserts one. Between the two another may have done the same:
    /// right only where orders for an item are taken one after another.
    pub(crate) async fn count_then_insert(&self, order: &Order) -> Result<Answer> {
        // One connection for both: who has counted does not queue for another.
        let mut connection = self.pool.acquire().await?;
        let (pieces, sold, mine): (Option<i64>, i64, i64) = sqlx::query_as(
            "SELECT (SELECT pieces FROM flash_sale_items WHERE id = $1),
                    COUNT(*), COUNT(CASE WHEN call_id = $2 THEN 1 END)
             FROM flash_sale_orders WHERE item_id = $1",
        )
        .bind(order.item_id)
        .bind(&order.call_id)
        .fetch_one(&mut *connection)
        .await?;
        let pieces = pieces.ok_or(Failure::NoSuchItem(order.item_id))?;
        if mine > 0 {
            return Ok(Answer::Ordered);
        }
        if sold >= pieces {
            return Ok(Answer::SoldOut);
        }
        let _turn = self.turn().await;
        insert(order, &mut connection).await?;
        Ok(Answer::Ordered)
    }

    /// Takes a piece off the shelf in the database, which lets only one have the last, however many ask at once.
    pub(crate) async fn take_a_piece(&self, order: &Order) -> Result<Answer> {
        let mut connection = self.pool.acquire().await?;
        // Most come too late, and a look is cheaper than a write.
        let row: Option<(i64, i64)> = sqlx::query_as(
            "SELECT pieces_left, (SELECT COUNT(*) FROM flash_sale_orders WHERE call_id = $2)
             FROM flash_sale_items WHERE id = $1",
        )
        .bind(order.item_id)
        .bind(&order.call_id)
        .fetch_optional(&mut *connection)
        .await?;
        match row.ok_or(Failure::NoSuchItem(order.item_id))? {
            (_, 1..) => return Ok(Answer::Ordered),
            (..=0, _) => return Ok(Answer::SoldOut),
            _ => {}
        }
        let _turn = self.turn().await;
        let mut transaction = connection.begin().await?;
        let answer = sell(order, &mut transaction).await?;
        transaction.commit().await?;
        Ok(answer)
    }

    /// Takes up to [`TOGETHER`] orders in their order, with one look for all of them; `None` for an item that is not there.
    /// By [`Rule::Count`] nobody else may take orders for these items at the same time.
    pub(crate) async fn take_together(
        &self,
        rule: Rule,
        orders: &[Order],
    ) -> Result<Vec<Option<Answer>>> {
        let mut connection = self.pool.acquire().await?;
        let look = Look::at(&mut connection, rule, orders).await?;
        let (mut left, mut bought) = (look.left, look.bought);
        let mut answers = Vec::with_capacity(orders.len());
        let mut new = Vec::new();
        for order in orders {
            let left = left.get_mut(&order.item_id);
            answers.push(match left {
                None => None,
                _ if bought.contains(&order.call_id) => Some(Answer::Ordered),
                Some(..=0) => Some(Answer::SoldOut),
                Some(left) => {
                    *left -= 1;
                    bought.insert(order.call_id.clone());
                    new.push((answers.len(), order));
                    Some(Answer::Ordered)
                }
            });
        }
        if new.is_empty() {
            return Ok(answers);
        }
        // Two that want the same rows in different orders would wait for each other.
        new.sort_by_key(|(_, order)| order.item_id);
        let _turn = self.turn().await;
        let mut transaction = connection.begin().await?;
        for (index, order) in new {
            match rule {
                Rule::Count => drop(insert(order, &mut transaction).await?),
                // Others take pieces, too: the look was a hint.
                Rule::Row => answers[index] = Some(sell(order, &mut transaction).await?),
            }
        }
        transaction.commit().await?;
        Ok(answers)
    }

    async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        match &self.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }

    /// Orders by item.
    pub(crate) async fn sold(&self) -> Result<BTreeMap<i64, i64>> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as("SELECT item_id, COUNT(*) FROM flash_sale_orders GROUP BY item_id")
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().collect())
    }

    pub(crate) async fn close(self) {
        self.pool.close().await;
    }
}

/// The same for every variant: what is committed survives this process, and all but a crash of the machine.
async fn settings(connection: &mut AnyConnection) -> sqlx::Result<()> {
    let statements: &[&str] = match connection.backend_name() {
        "SQLite" => &[
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = NORMAL",
            "PRAGMA busy_timeout = 5000",
        ],
        _ => &["SET synchronous_commit = off"],
    };
    for statement in statements {
        connection.execute(*statement).await?;
    }
    Ok(())
}

/// Takes a piece if there is one, in a transaction. It begins with a write: SQLite would not let one that has read wait for
/// its turn to write.
async fn sell(order: &Order, transaction: &mut AnyConnection) -> Result<Answer> {
    let taken = sqlx::query(
        "UPDATE flash_sale_items SET pieces_left = pieces_left - 1 WHERE id = $1 AND pieces_left > 0",
    )
    .bind(order.item_id)
    .execute(&mut *transaction)
    .await?;
    if taken.rows_affected() == 0 {
        // Others were faster, or it was this very call, delivered twice.
        let bought: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM flash_sale_orders WHERE call_id = $1")
                .bind(&order.call_id)
                .fetch_one(transaction)
                .await?;
        return Ok(if bought > 0 {
            Answer::Ordered
        } else {
            Answer::SoldOut
        });
    }
    if !insert(order, transaction).await? {
        sqlx::query("UPDATE flash_sale_items SET pieces_left = pieces_left + 1 WHERE id = $1")
            .bind(order.item_id)
            .execute(transaction)
            .await?;
    }
    Ok(Answer::Ordered)
}

/// Whether it is new.
async fn insert(order: &Order, to: &mut AnyConnection) -> Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO flash_sale_orders (call_id, item_id) VALUES ($1, $2) ON CONFLICT (call_id) DO NOTHING",
    )
    .bind(&order.call_id)
    .bind(order.item_id)
    .execute(to)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
