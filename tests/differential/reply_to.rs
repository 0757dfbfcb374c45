//! Direct reply-to: the pseudo-queue `amq.rabbitmq.reply-to`.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    call_and_reply must_not_acknowledge only_one_consumer publish_without_consumer generated_tag cancelled_consumer
    consume_again_after_cancel reply_to_a_closed_channel reply_to_a_gone_connection reply_from_the_same_channel declare_it declare_a_reply_name
    get_it purge_delete_bind_it reply_mandatory reply_with_confirm request_mandatory_unroutable
    reply_key_changed reply_through_another_exchange exclusive_and_priority nowait_consumer
    two_channels_two_names reply_properties_survive other_reply_to_is_left_alone bad_reply_names names_that_crash_rabbitmq
    acknowledging_a_reply consumer_tag_in_use channel_error_ends_it request_expired_in_queue
    replies_to_many no_prefetch_limit request_in_confirm_mode
}

const REPLY: &str = "amq.rabbitmq.reply-to";

fn request(queue: &str, body: &str) -> Message {
    message("", queue, body).with(|p| p.with_reply_to(REPLY.into()))
}

fn call_and_reply(s: &mut Stage) {
    let q = s.name("q");
    let client = s.connect();
    let server = s.connect();
    server.call(1, &declare(&q, "", none()));
    server.call(1, &consume(&q, "server", "no_ack"));
    client.call(1, &consume(REPLY, "client", "no_ack"));
    client.publish(1, &request(&q, "request").with(|p| p.with_correlation_id("1".into())));
    let to = server.reply_to(1);
    let reply = message("", &to, "reply").with(|p| p.with_correlation_id("1".into()));
    server.publish(1, &reply);
    client.messages(1, 1);
    server.publish(1, &message("", &to, "another reply"));
    client.messages(1, 1);
}

fn must_not_acknowledge(s: &mut Stage) {
    s.each([
        consume(REPLY, "t", ""),
        consume(REPLY, "t", "exclusive"),
        consume(REPLY, "", "nowait"),
    ]);
}

fn only_one_consumer(s: &mut Stage) {
    s.each([
        consume(REPLY, "t", "no_ack"),
        consume(REPLY, "u", "no_ack"),
        consume(REPLY, "t", "no_ack"),
        consume(REPLY, "t", "no_ack"),
    ]);
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

fn generated_tag(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &consume(REPLY, "", "no_ack"));
}

fn cancelled_consumer(s: &mut Stage) {
    let q = s.name("q");
    let client = s.connect();
    let server = s.connect();
    server.call(1, &declare(&q, "", none()));
    server.call(1, &consume(&q, "server", "no_ack"));
    client.call(1, &consume(REPLY, "client", "no_ack"));
    client.publish(1, &request(&q, "request"));
    let to = server.reply_to(1);
    client.call(1, &cancel("client", ""));
    server.call(1, &declare(&to, "passive", none()));
    server.open_again(1);
    server.publish(1, &message("", &to, "reply").options("mandatory"));
    server.sync(1);
    client.sync(1);
    client.publish(1, &request(&q, "request"));
    client.answer(1);
}

fn consume_again_after_cancel(s: &mut Stage) {
    let q = s.name("q");
    let client = s.connect();
    let server = s.connect();
    server.call(1, &declare(&q, "", none()));
    server.call(1, &consume(&q, "server", "no_ack"));
    client.call(1, &consume(REPLY, "client", "no_ack"));
    client.publish(1, &request(&q, "request"));
    let old = server.reply_to(1);
    client.call(1, &cancel("client", ""));
    client.call(1, &consume(REPLY, "client", "no_ack"));
    client.publish(1, &request(&q, "request"));
    let new = server.reply_to(1);
    server.publish(1, &message("", &old, "to the old name").options("mandatory"));
    server.publish(1, &message("", &new, "to the new name"));
    server.sync(1);
    client.messages(1, 1);
}

fn reply_to_a_closed_channel(s: &mut Stage) {
    let q = s.name("q");
    let client = s.connect();
    let server = s.connect();
    server.call(1, &declare(&q, "", none()));
    server.call(1, &consume(&q, "server", "no_ack"));
    client.call(1, &consume(REPLY, "client", "no_ack"));
    client.publish(1, &request(&q, "request"));
    let to = server.reply_to(1);
    client.call(1, &channel_close(200, ""));
    server.call(1, &confirm_select(""));
    server.publish(1, &message("", &to, "reply"));
    server.frames(1, 1);
    server.call(1, &declare(&to, "passive", none()));
}

fn reply_to_a_gone_connection(s: &mut Stage) {
    let q = s.name("q");
    let client = s.connect();
    let server = s.connect();
    server.call(1, &declare(&q, "", none()));
    server.call(1, &consume(&q, "server", "no_ack"));
    client.call(1, &consume(REPLY, "client", "no_ack"));
    client.publish(1, &request(&q, "request"));
    let to = server.reply_to(1);
    client.close_quietly();
    server.call(1, &declare(&to, "passive", none()));
    server.open_again(1);
    server.publish(1, &message("", &to, "reply").options("mandatory"));
    server.sync(1);
}

fn reply_from_the_same_channel(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(REPLY, "client", "no_ack"));
    c.publish(1, &request(&q, "request"));
    c.send(1, &get(&q, "no_ack"));
    let to = c.reply_to(1);
    c.publish(1, &message("", &to, "reply"));
    c.messages(1, 1);
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
    c.publish(1, &message("", REPLY, "to the bare name").options("mandatory"));
    c.sync(1);
    c.call(1, &delete(REPLY, ""));
    c.call(1, &purge(REPLY));
}

fn reply_mandatory(s: &mut Stage) {
    let q = s.name("q");
    let client = s.connect();
    let server = s.connect();
    server.call(1, &declare(&q, "", none()));
    server.call(1, &consume(&q, "server", "no_ack"));
    client.call(1, &consume(REPLY, "client", "no_ack"));
    client.publish(1, &request(&q, "request"));
    let to = server.reply_to(1);
    server.publish(1, &message("", &to, "reply").options("mandatory"));
    server.sync(1);
    client.messages(1, 1);
}

fn reply_with_confirm(s: &mut Stage) {
    let q = s.name("q");
    let client = s.connect();
    let server = s.connect();
    server.call(1, &declare(&q, "", none()));
    server.call(1, &consume(&q, "server", "no_ack"));
    server.call(1, &confirm_select(""));
    client.call(1, &consume(REPLY, "client", "no_ack"));
    client.publish(1, &request(&q, "request"));
    let to = server.reply_to(1);
    server.publish(1, &message("", &to, "reply"));
    server.frames(1, 1);
    client.messages(1, 1);
    server.publish(1, &message("", &to, "reply").options("mandatory"));
    server.frames(1, 4);
    client.messages(1, 1);
}

fn request_mandatory_unroutable(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &consume(REPLY, "client", "no_ack"));
    c.publish(1, &request(&q, "request").options("mandatory"));
    c.sync(1);
}

fn request_in_confirm_mode(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(REPLY, "client", "no_ack"));
    c.call(1, &confirm_select(""));
    c.publish(1, &request(&q, "request").options("mandatory"));
    c.frames(1, 1);
    c.send(1, &get(&q, "no_ack"));
    let to = c.reply_to(1);
    c.publish(1, &message("", &to, "reply"));
    c.messages(1, 1);
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
    let wrong = format!("{rest}{}", if last.starts_with('A') { "B==" } else { "A==" });
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

fn exclusive_and_priority(s: &mut Stage) {
    s.each([
        consume(REPLY, "t", "no_ack exclusive"),
        cancel("t", ""),
        consume_with(REPLY, "t", "no_ack", args([("x-priority", text("bad"))])),
        consume(REPLY, "u", "no_ack no_local"),
    ]);
}

fn nowait_consumer(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.send(1, &consume(REPLY, "t", "no_ack nowait"));
    c.publish(1, &request(&q, "request"));
    c.send(1, &get(&q, "no_ack"));
    let to = c.reply_to(1);
    c.send(1, &cancel("t", "nowait"));
    c.publish(1, &message("", &to, "reply").options("mandatory"));
    c.sync(1);
}

fn two_channels_two_names(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.open(2);
    c.call(1, &declare(&q, "", none()));
    for channel in [1, 2] {
        c.call(channel, &consume(REPLY, "t", "no_ack"));
        c.publish(channel, &request(&q, "request"));
        c.send(channel, &get(&q, "no_ack"));
        let to = c.reply_to(channel);
        c.publish(1, &message("", &to, "reply"));
        c.messages(channel, 1);
    }
}

fn reply_properties_survive(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(REPLY, "t", "no_ack"));
    let full = request(&q, "request").with(|p| {
        p.with_headers(args([("a", int(1))]))
            .with_expiration("60000".into())
            .with_message_id("m".into())
            .with_timestamp(5)
            .with_priority(3)
    });
    c.publish(1, &full);
    c.send(1, &get(&q, "no_ack"));
    let to = c.reply_to(1);
    let reply = message("", &to, "").with(|p| {
        p.with_headers(args([("a", int(1)), ("CC", list([text("also")]))]))
            .with_expiration("0".into())
            .with_reply_to("somewhere".into())
            .with_delivery_mode(2)
    });
    c.publish(1, &reply);
    c.messages(1, 1);
}

fn other_reply_to_is_left_alone(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    for to in ["amq.rabbitmq.reply-to.", "amq.rabbitmq.reply-to.x", "amq.rabbitmq", "amq.rabbitmq.reply-toX", "other", ""] {
        c.open_again(1);
        c.publish(1, &message("", &q, "m").with(|p| p.with_reply_to(to.into())));
        c.call(1, &get(&q, "no_ack"));
        c.sync(1);
    }
}

fn bad_reply_names(s: &mut Stage) {
    let c = s.connect();
    for to in [
        "amq.rabbitmq.reply-to.",
        "amq.rabbitmq.reply-to.x",
    ] {
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

fn acknowledging_a_reply(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(REPLY, "t", "no_ack"));
    c.publish(1, &request(&q, "request"));
    c.send(1, &get(&q, "no_ack"));
    let to = c.reply_to(1);
    c.publish(1, &message("", &to, "reply"));
    c.messages(1, 1);
    c.send(1, &ack(1, ""));
    c.answer(1);
}

fn consumer_tag_in_use(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(&q, "t", "no_ack"));
    c.call(1, &consume(REPLY, "t", "no_ack"));
    let d = s.connect();
    d.call(1, &consume(REPLY, "t", "no_ack"));
    d.call(1, &consume(&q, "t", "no_ack"));
}

fn channel_error_ends_it(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(REPLY, "t", "no_ack"));
    c.publish(1, &request(&q, "request"));
    c.call(1, &declare(&q, "durable", none()));
    c.open(1);
    c.send(1, &get(&q, "no_ack"));
    let to = c.reply_to(1);
    c.call(1, &consume(REPLY, "t", "no_ack"));
    c.publish(1, &message("", &to, "to the one before").options("mandatory"));
    c.sync(1);
}

fn request_expired_in_queue(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &consume(REPLY, "t", "no_ack"));
    c.publish(1, &request(&q, "request").expires("0"));
    c.call(1, &get(&q, "no_ack"));
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

fn no_prefetch_limit(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.call(1, &qos(1, ""));
    c.call(1, &qos(1, "global"));
    c.call(1, &consume(REPLY, "t", "no_ack"));
    c.publish(1, &request(&q, "request"));
    c.send(1, &get(&q, "no_ack"));
    let to = c.reply_to(1);
    for _ in 0..3 {
        c.publish(1, &message("", &to, "reply"));
    }
    c.messages(1, 3);
}
