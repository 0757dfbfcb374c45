//! Declaring a queue again, and each way in which it may not be the same.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    declare_again passive_ignores_differences different_durable different_exclusive
    different_auto_delete different_arguments different_argument_types exclusive_of_another
    durable_and_exclusive
}

fn declare_again(s: &mut Stage) {
    let q = s.name("q");
    let options = "durable auto_delete";
    let arguments = || args([("x-max-length", int(5)), ("x-own", text("kept"))]);
    s.each([
        declare(&q, options, arguments()),
        declare(&q, options, arguments()),
        declare(&q, options, arguments()),
    ]);
}

fn passive_ignores_differences(s: &mut Stage) {
    let q = s.name("q");
    s.each([
        declare(&q, "", none()),
        declare(
            &q,
            "passive durable auto_delete",
            args([("x-max-length", int(5))]),
        ),
        declare(
            &q,
            "passive exclusive",
            args([("x-message-ttl", text("bad"))]),
        ),
    ]);
}

fn different_durable(s: &mut Stage) {
    let (q, d) = (s.name("q"), s.name("d"));
    s.each([
        declare(&q, "", none()),
        declare(&q, "durable", none()),
        declare(&d, "durable", none()),
        declare(&d, "", none()),
    ]);
}

fn different_exclusive(s: &mut Stage) {
    let (q, e) = (s.name("q"), s.name("e"));
    s.each([
        declare(&q, "", none()),
        declare(&q, "exclusive", none()),
        declare(&e, "exclusive", none()),
        declare(&e, "", none()),
        declare(&e, "passive", none()),
    ]);
}

fn different_auto_delete(s: &mut Stage) {
    let (q, a) = (s.name("q"), s.name("a"));
    s.each([
        declare(&q, "", none()),
        declare(&q, "auto_delete", none()),
        declare(&a, "auto_delete", none()),
        declare(&a, "", none()),
        declare(&a, "durable auto_delete exclusive", none()),
    ]);
}

fn different_arguments(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    s.each([
        declare(&q, "", args([("x-max-length", int(5))])),
        declare(&q, "", args([("x-max-length", int(6))])),
        declare(&q, "", none()),
        declare(
            &q,
            "",
            args([("x-max-length", int(5)), ("x-message-ttl", int(1000))]),
        ),
        declare(&r, "", none()),
        declare(&r, "", args([("x-message-ttl", int(1000))])),
        declare(&r, "", args([("x-expires", int(60_000))])),
        declare(&r, "", args([("x-max-length", int(1))])),
        declare(&r, "", args([("x-max-length-bytes", int(1))])),
        declare(&r, "", args([("x-overflow", text("reject-publish"))])),
        declare(&r, "", args([("x-dead-letter-exchange", text("dlx"))])),
        declare(
            &r,
            "",
            args([
                ("x-dead-letter-exchange", text("")),
                ("x-dead-letter-routing-key", text("k")),
            ]),
        ),
        declare(&r, "", args([("x-max-priority", int(5))])),
        declare(&r, "", args([("x-queue-mode", text("lazy"))])),
        declare(&r, "", args([("x-queue-type", text("classic"))])),
        declare(&r, "", args([("x-single-active-consumer", boolean(true))])),
        declare(&r, "", args([("x-something", text("unknown"))])),
    ]);
}

fn different_argument_types(s: &mut Stage) {
    let (q, r) = (s.name("q"), s.name("r"));
    s.each([
        declare(
            &q,
            "",
            args([
                ("x-max-length", int(5)),
                ("x-dead-letter-exchange", text("dlx")),
            ]),
        ),
        declare(
            &q,
            "",
            args([
                ("x-max-length", long(5)),
                ("x-dead-letter-exchange", text("dlx")),
            ]),
        ),
        declare(
            &q,
            "",
            args([
                ("x-max-length", int(5)),
                ("x-dead-letter-exchange", text("DLX")),
            ]),
        ),
        declare(&q, "", args([("x-max-length", int(5))])),
        declare(&r, "", args([("x-single-active-consumer", boolean(true))])),
        declare(&r, "", args([("x-single-active-consumer", boolean(false))])),
        declare(&r, "", none()),
    ]);
}

fn exclusive_of_another(s: &mut Stage) {
    let q = s.name("q");
    let a = s.connect();
    a.call(1, &declare(&q, "exclusive", none()));
    a.call(1, &bind(&q, "amq.direct", "bound", none()));
    s.each([
        declare(&q, "exclusive", none()),
        declare(&q, "passive", none()),
        declare(&q, "", none()),
        bind(&q, "amq.direct", "k", none()),
        unbind(&q, "amq.direct", "k", none()),
        unbind(&q, "amq.direct", "bound", none()),
        purge(&q),
        get(&q, ""),
        consume(&q, "t", ""),
        delete(&q, ""),
    ]);
    let b = s.connect();
    b.publish(1, &message("", &q, "anyone may publish to it"));
    b.call(1, &declare("", "exclusive", none()));
    b.sync(1);
    a.call(1, &consume(&q, "t", "no_ack"));
    a.messages(1, 1);
}

/// A queue that goes with its connection is never durable, whatever its declaration says.
fn durable_and_exclusive(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "durable exclusive", none()));
    c.call(1, &declare(&q, "exclusive", none()));
    let r = s.name("r");
    c.call(1, &declare(&r, "exclusive", none()));
    c.call(1, &declare(&r, "durable exclusive", none()));
    let quorum = || args([("x-queue-type", text("quorum"))]);
    let (durable, transient) = (s.name("d"), s.name("t"));
    s.each([
        declare(&durable, "durable exclusive", quorum()),
        declare(&transient, "exclusive", quorum()),
    ]);
}
