//! What the order service relies on, with SQLite, where no two tests share a database.

use std::collections::BTreeMap;

use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Order, Shop};
use crate::contract::Answer;
use crate::failure::Failure;
use crate::rule::Rule;

const RULES: [Rule; 2] = [Rule::Count, Rule::Row];

async fn shop(items: i64, pieces: i64) -> (Shop, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = open(&folder).await;
    shop.create(items, pieces).await.expect("an empty shop");
    (shop, folder)
}

async fn open(folder: &TempDir) -> Shop {
    let file = folder.path().join("shop.db");
    Shop::open(&format!("sqlite://{}?mode=rwc", file.display()), 4)
        .await
        .expect("a database")
}

fn order(item_id: i64) -> Order {
    Order {
        call_id: Uuid::new_v4().to_string(),
        item_id,
    }
}

#[tokio::test]
async fn each_rule_sells_what_there_is_and_no_more() {
    for rule in RULES {
        let (shop, _folder) = shop(2, 3).await;
        let mut answers = Vec::new();
        for _ in 0..5 {
            answers.push(rule.take(&shop, &order(1)).await.expect("an answer"));
        }
        assert_eq!(answers[..3], [Answer::Ordered; 3], "{rule:?}");
        assert_eq!(answers[3..], [Answer::SoldOut; 2], "{rule:?}");
        assert_eq!(
            shop.sold().await.expect("the books"),
            BTreeMap::from([(1, 3)]),
            "{rule:?}"
        );
    }
}

#[tokio::test]
async fn the_same_call_buys_once_even_when_it_had_the_last_piece() {
    for rule in RULES {
        let (shop, _folder) = shop(1, 2).await;
        let (first, last) = (order(1), order(1));
        for order in [&first, &first, &last, &last, &first] {
            assert_eq!(
                rule.take(&shop, order).await.expect("an answer"),
                Answer::Ordered,
                "{rule:?}"
            );
        }
        assert_eq!(
            rule.take(&shop, &order(1)).await.expect("an answer"),
            Answer::SoldOut
        );
        assert_eq!(
            shop.sold().await.expect("the books"),
            BTreeMap::from([(1, 2)]),
            "{rule:?}"
        );
    }
}

#[tokio::test]
async fn an_item_that_is_not_there_is_an_error() {
    for rule in RULES {
        let (shop, _folder) = shop(1, 1).await;
        let error = rule
            .take(&shop, &order(7))
            .await
            .expect_err("there is no item 7");
        assert!(matches!(error, Failure::NoSuchItem(7)), "{rule:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn by_row_many_at_once_get_exactly_what_there_is() {
    let (shop, folder) = shop(1, 10).await;
    // Another process has a pool, and takes turns, of its own.
    let other = open(&folder).await;
    let mut buyers = JoinSet::new();
    for buyer in 0..80 {
        let shop = if buyer % 2 == 0 { &shop } else { &other }.clone();
        buyers.spawn(async move {
            let order = order(1);
            // Delivered twice at the same time.
            let (one, two) = tokio::join!(shop.take_a_piece(&order), shop.take_a_piece(&order));
            let answer = one.expect("an answer");
            assert_eq!(answer, two.expect("an answer"), "one order, one answer");
            answer
        });
    }
    let answers = buyers.join_all().await;
    let ordered = answers.iter().filter(|answer| **answer == Answer::Ordered);
    assert_eq!(ordered.count(), 10);
    assert_eq!(
        shop.sold().await.expect("the books"),
        BTreeMap::from([(1, 10)])
    );
}
