//! Direct reply-to: the pseudo-queue `amq.rabbitmq.reply-to`.

use crate::compare::scenarios;
use crate::methods::*;
use crate::stage::Stage;

scenarios! {
    call_and_reply must_not_acknowledge only_one_consumer generated_tag cancelled_consumer
    consume_again_after_cancel reply_to_a_closed_channel reply_to_a_gone_connection
    reply_from_the_same_channel reply_mandatory reply_with_confirm request_mandatory_unroutable
    exclusive_and_priority nowait_consumer two_channels_two_names reply_properties_survive
    acknowledging_a_reply consumer_tag_in_use channel_error_ends_it request_expired_in_queue
    no_prefetch_limit request_in_confirm_mode
    second_consumer_that_acknowledges missing_consumer_comes_first
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
    client.publish(
        1,
        &request(&q, "request").with(|p| p.with_correlation_id("1".into())),
    );
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
    server.publish(
        1,
        &message("", &old, "to the old name").options("mandatory"),
    );
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
    c.publish(
        1,
        &message("", &to, "to the one before").options("mandatory"),
    );
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

fn second_consumer_that_acknowledges(s: &mut Stage) {
    let c = s.connect();
    c.call(1, &consume(REPLY, "t", "no_ack"));
    c.call(1, &consume(REPLY, "u", ""));
}

fn missing_consumer_comes_first(s: &mut Stage) {
    let q = s.name("q");
    let c = s.connect();
    c.call(1, &declare(&q, "", none()));
    c.publish(1, &request(&q, "request").expires("soon"));
    c.answer(1);
    c.open(1);
    c.publish(
        1,
        &request(&q, "request").with(|properties| properties.with_user_id("somebody".into())),
    );
    c.answer(1);
}
