//! What the order service relies on, with SQLite, where no two tests share a database.

use std::collections::BTreeMap;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Order, Shop, TOGETHER};
use crate::contract::Answer;
use crate::failure::Failure;
use crate::group::Group;
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

#[tokio::test]
async fn a_group_is_answered_as_its_orders_one_by_one_would_be() {
    for rule in RULES {
        let (shop, _folder) = shop(2, 3).await;
        let early = order(1);
        rule.take(&shop, &early).await.expect("an answer");
        let (twice, lost) = (order(2), order(9));
        let group = [
            order(1),
            early,
            twice.clone(),
            lost,
            order(1),
            order(1),
            twice,
            order(0),
            order(2),
        ];
        let answers = shop.take_together(rule, &group).await.expect("answers");
        let (ordered, sold_out) = (Some(Answer::Ordered), Some(Answer::SoldOut));
        let expected = [
            ordered, ordered, ordered, None, ordered, sold_out, ordered, sold_out, ordered,
        ];
        assert_eq!(answers, expected, "{rule:?}");
        assert_eq!(
            shop.sold().await.expect("the books"),
            BTreeMap::from([(1, 3), (2, 2)]),
            "{rule:?}"
        );
        // Delivered again, all of it: nothing changes.
        let again = shop.take_together(rule, &group).await.expect("answers");
        assert_eq!(again, expected, "{rule:?}");
        assert_eq!(
            shop.sold().await.expect("the books"),
            BTreeMap::from([(1, 3), (2, 2)]),
            "{rule:?}"
        );
    }
}

#[tokio::test]
async fn groups_of_every_size_are_answered_in_their_order() {
    for rule in RULES {
        for size in [1, 4, 5, 16, 17, TOGETHER] {
            let (shop, _folder) = shop(1, 10).await;
            let group: Vec<_> = (0..size).map(|_| order(1)).collect();
            let answers = shop.take_together(rule, &group).await.expect("answers");
            let expected: Vec<_> = (0..size)
                .map(|place| {
                    Some(if place < 10 {
                        Answer::Ordered
                    } else {
                        Answer::SoldOut
                    })
                })
                .collect();
            assert_eq!(answers, expected, "{rule:?}, {size} together");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn by_row_groups_of_two_processes_get_exactly_what_there_is() {
    let (shop, folder) = shop(3, 10).await;
    let clerks =
        [shop.clone(), open(&folder).await].map(|shop| Arc::new(Group::start(shop, Rule::Row)));
    let mut buyers = JoinSet::new();
    for buyer in 0..120 {
        let clerks = clerks.clone();
        buyers.spawn(async move {
            let order = order(buyer % 3 + 1);
            let [one, two] = &clerks;
            let (one, two) = tokio::join!(one.take(order.clone()), two.take(order));
            assert_eq!(
                one.expect("an answer"),
                two.expect("an answer"),
                "one order, one answer"
            );
        });
    }
    buyers.join_all().await;
    let sold = shop.sold().await.expect("the books");
    assert_eq!(sold, BTreeMap::from([(1, 10), (2, 10), (3, 10)]));
}
