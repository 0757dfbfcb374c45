//! The names of direct reply-to, used as if they were queues.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    publish_without_consumer declare_it declare_a_reply_name get_it purge_delete_bind_it
    reply_key_changed reply_through_another_exchange other_reply_to_is_left_alone bad_reply_names
    names_that_crash_rabbitmq replies_to_many
}

const REPLY: &str = "amq.rabbitmq.reply-to";

fn request(queue: &str, body: &str) -> Message {
    message("", queue, body).with(|p| p.with_reply_to(REPLY.into()))
}

fn publish_without_consumer(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &request(&q, "m"));
    c.answer(1);
    c.open(1);
    c.publish(1, &request("nowhere", "m").options("mandatory"));
    c.answer(1);
    c.open(1);
    c.call(1, &get(&q, ""));
}

fn declare_it(s: &mut Stage) {
    s.each([
        declare(REPLY, "passive", none()),
        declare(REPLY, "", none()),
        declare(REPLY, "exclusive", none()),
        consume(REPLY, "t", "no_ack"),
        declare(REPLY, "passive", none()),
        declare(REPLY, "", none()),
        declare(REPLY, "durable", args([("x-max-length", int(1))])),
    ]);
}

fn declare_a_reply_name(s: &mut Stage) {
    let q = s.name("q");
    let client = s.connect();
    let server = s.connect();
    server.call(1, &declare(&q, "", none()));
    server.call(1, &consume(&q, "server", "no_ack"));
    client.call(1, &consume(REPLY, "client", "no_ack"));
    client.publish(1, &request(&q, "request"));
    let to = server.reply_to(1);
    server.call(1, &declare(&to, "passive", none()));
    server.open_again(1);
    server.call(1, &declare(&to, "", none()));
    server.open_again(1);
    server.call(1, &delete(&to, ""));
    server.open_again(1);
    server.call(1, &consume(&to, "t", "no_ack"));
    server.open_again(1);
    server.call(1, &get(&to, "no_ack"));
    server.open_again(1);
    server.call(1, &bind(&to, "amq.direct", "k", none()));
}

fn get_it(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &get(REPLY, "no_ack"));
    c.open_again(1);
    c.call(1, &consume(REPLY, "t", "no_ack"));
    c.call(1, &get(REPLY, "no_ack"));
}

fn purge_delete_bind_it(s: &mut Stage) {
    s.each([
        purge(REPLY),
        delete(REPLY, ""),
        bind(REPLY, "amq.direct", "k", none()),
        unbind(REPLY, "amq.direct", "k", none()),
    ]);
    let c = s.connect();
    c.call(1, &consume(REPLY, "t", "no_ack"));
    c.publish(
        1,
        &message("", REPLY, "to the bare name").options("mandatory"),
    );
    c.sync(1);
    c.call(1, &delete(REPLY, ""));
    c.call(1, &purge(REPLY));
}

fn reply_key_changed(s: &mut Stage) {
    let q = s.name("q");
    let client = s.connect();
    client.call(1, &declare(&q, "", none()));
    client.call(1, &consume(REPLY, "client", "no_ack"));
    client.publish(1, &request(&q, "request"));
    client.send(1, &get(&q, "no_ack"));
    let to = client.reply_to(1);
    let server = s.connect();
    // The same length and form, another secret.
    let (rest, last) = to.split_at(to.len() - 3);
    let wrong = format!(
        "{rest}{}",
        if last.starts_with('A') { "B==" } else { "A==" }
    );
    server.publish(1, &message("", &wrong, "reply").options("mandatory"));
    server.sync(1);
    client.sync(1);
}

fn reply_through_another_exchange(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(REPLY, "client", "no_ack"));
    c.publish(1, &request(&q, "request"));
    c.send(1, &get(&q, "no_ack"));
    let to = c.reply_to(1);
    c.publish(1, &message("amq.direct", &to, "reply").options("mandatory"));
    c.publish(1, &message("amq.topic", &to, "reply").options("mandatory"));
    c.sync(1);
}

fn other_reply_to_is_left_alone(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for to in [
        "amq.rabbitmq.reply-to.",
        "amq.rabbitmq.reply-to.x",
        "amq.rabbitmq",
        "amq.rabbitmq.reply-toX",
        "other",
        "",
    ] {
        c.open_again(1);
        c.publish(
            1,
            &message("", &q, "m").with(|p| p.with_reply_to(to.into())),
        );
        c.call(1, &get(&q, "no_ack"));
        c.sync(1);
    }
}

fn bad_reply_names(s: &mut Stage) {
    let c = s.connect();
    for to in ["amq.rabbitmq.reply-to.", "amq.rabbitmq.reply-to.x"] {
        c.open_again(1);
        c.publish(1, &message("", to, "reply").options("mandatory"));
        c.sync(1);
        c.open_again(1);
        c.call(1, &declare(to, "passive", none()));
    }
}

fn names_that_crash_rabbitmq(s: &mut Stage) {
    let c = s.connect();
    c.publish(1, &message("", "amq.rabbitmq.reply-to.x.y", "reply"));
    c.sync(1);
}

fn replies_to_many(s: &mut Stage) {
    let q = s.name("q");
    let (a, b, server) = (s.connect(), s.connect(), s.connect());
    server.call(1, &declare(&q, "", none()));
    server.call(1, &consume(&q, "server", "no_ack"));
    let mut names = Vec::new();
    for client in [&a, &b] {
        client.call(1, &consume(REPLY, "t", "no_ack"));
        client.publish(1, &request(&q, "request"));
        names.push(server.reply_to(1));
    }
    let headers = args([("CC", list([text(&names[1])]))]);
    server.publish(1, &message("", &names[0], "to both").headers(headers));
    server.sync(1);
    a.messages(1, 1);
    b.sync(1);
}
