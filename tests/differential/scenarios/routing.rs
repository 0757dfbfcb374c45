//! Topic patterns: which message goes where.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    topic_words topic_hash topic_mixed topic_odd_keys topic_duplicates topic_unbind
    topic_odd_patterns topic_many_hashes direct_binding_arguments topic_binding_arguments
}

/// Binds a queue for each pattern and says which of them get a message with each key.
fn topic(s: &mut Stage, patterns: &[&str], keys: &[&str]) {
    let e = s.name("e");
    let queues: Vec<_> = (0..patterns.len())
        .map(|n| s.name(&format!("q{n}")))
        .collect();
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "topic", ""));
    for (queue, pattern) in queues.iter().zip(patterns) {
        c.call(1, &declare(queue, "", none()));
        c.call(1, &bind(queue, &e, pattern, none()));
    }
    for key in keys {
        c.put(&message(&e, key, "m"));
        for queue in &queues {
            c.call(1, &purge(queue));
        }
    }
}

fn topic_words(s: &mut Stage) {
    topic(
        s,
        &["a.b", "a.*", "*.b", "*.*", "*", "a.*.c"],
        &["a.b", "a.c", "b.b", "a", "a.b.c", ""],
    );
}

fn topic_hash(s: &mut Stage) {
    topic(
        s,
        &["#", "a.#", "#.c", "a.#.c", "#.b.#"],
        &["", "a", "c", "a.c", "a.b.c", "a.b.b.c", "b", "a.bc"],
    );
}

fn topic_mixed(s: &mut Stage) {
    topic(
        s,
        &["*.#", "#.*", "*.#.*", "#.*.#", "a.*.#"],
        &["", "a", "a.b", "a.b.c"],
    );
}

fn topic_odd_keys(s: &mut Stage) {
    topic(
        s,
        &["a..c", "a.*.c", "*", ".", "#", "*.*", "a."],
        &["a..c", ".", "..", "a.", ".a", "a", ""],
    );
}

fn topic_odd_patterns(s: &mut Stage) {
    topic(
        s,
        &["", "a*", "#a", "**", "a#.b", "*#", " ", "."],
        &["", "a*", "ab", "#a", "**", "a#.b", "*#", " ", "a.b", "."],
    );
}

fn topic_many_hashes(s: &mut Stage) {
    topic(
        s,
        &["#.#", "#.#.#", "#.a.#.a.#", "a.#.#.b"],
        &["", "a", "a.a", "a.b", "a.x.a", "b.a.c.a.d"],
    );
}

fn topic_duplicates(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "topic", ""));
    c.call(1, &declare(&q, "", none()));
    for pattern in ["a.b", "a.*", "#", "a.#", "*.b"] {
        c.call(1, &bind(&q, &e, pattern, none()));
    }
    c.put(&message(&e, "a.b", "once"));
    c.call(1, &purge(&q));
}

fn topic_unbind(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "topic", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &e, "a.*", none()));
    c.call(1, &bind(&q, &e, "a.#", none()));
    c.call(1, &bind(&q, &e, "a.b.c", none()));
    for pattern in ["a.b", "a.*", "a.b.c", "a.#"] {
        c.call(1, &unbind(&q, &e, pattern, none()));
        for key in ["a.b", "a.b.c"] {
            c.put(&message(&e, key, "m"));
            c.call(1, &purge(&q));
        }
    }
}

fn topic_binding_arguments(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "topic", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(1, &bind(&q, &e, "a", args([("n", int(1))])));
    c.call(1, &bind(&q, &e, "a", args([("n", int(2))])));
    c.put(&message(&e, "a", "once"));
    c.call(1, &purge(&q));
    c.call(1, &unbind(&q, &e, "a", args([("n", int(1))])));
    c.put(&message(&e, "a", "once"));
    c.call(1, &purge(&q));
    c.call(1, &unbind(&q, &e, "a", none()));
    c.put(&message(&e, "a", "once"));
    c.call(1, &purge(&q));
    c.call(1, &unbind(&q, &e, "a", args([("n", int(2))])));
    c.put(&message(&e, "a", "never"));
    c.call(1, &purge(&q));
}

fn direct_binding_arguments(s: &mut Stage) {
    let (e, q) = (s.name("e"), s.name("q"));
    let c = s.connect();
    c.call(1, &exchange_declare(&e, "direct", ""));
    c.call(1, &declare(&q, "", none()));
    c.call(
        1,
        &bind(
            &q,
            &e,
            "a",
            args([("x-match", text("nonsense")), ("n", int(1))]),
        ),
    );
    c.put(&message(&e, "a", "m"));
    c.call(1, &purge(&q));
}
