//! A status as programs read it. By hand, so that whoever embeds the broker needs no JSON library for it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::UNIX_EPOCH;

use super::{
    Argument, BindingStatus, ChannelStatus, ConnectionStatus, ExchangeStatus, QueueStatus, Status,
};

impl Status {
    /// One JSON object, with the names of the fields here; `since` is in seconds of Unix time.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        object(&mut out, |o| {
            o.raw("message_bytes", self.message_bytes);
            o.raw("memory_alarm", self.memory_alarm);
            o.list("queues", &self.queues, queue);
            o.list("exchanges", &self.exchanges, exchange);
            o.list("bindings", &self.bindings, binding);
            o.list("connections", &self.connections, connection);
        });
        out
    }
}

impl QueueStatus {
    /// One JSON object, with the names that RabbitMQ's management API has for what both know.
    pub(crate) fn to_management_json(&self) -> String {
        let mut out = String::new();
        object(&mut out, |o| {
            o.text("name", &self.name);
            o.text("vhost", &self.vhost);
            o.raw("messages", self.ready + self.unacked);
            o.raw("messages_ready", self.ready);
            o.raw("messages_unacknowledged", self.unacked);
            o.raw("consumers", self.consumers);
        });
        out
    }
}

fn queue(o: &mut Object<'_>, queue: &QueueStatus) {
    o.text("vhost", &queue.vhost);
    o.text("name", &queue.name);
    o.raw("durable", queue.durable);
    o.raw("auto_delete", queue.auto_delete);
    match queue.owner {
        Some(owner) => o.raw("owner", owner),
        None => o.raw("owner", "null"),
    }
    arguments(o, &queue.arguments);
    o.raw("ready", queue.ready);
    o.raw("ready_bytes", queue.ready_bytes);
    o.raw("unacked", queue.unacked);
    o.raw("consumers", queue.consumers);
}

fn exchange(o: &mut Object<'_>, exchange: &ExchangeStatus) {
    o.text("vhost", &exchange.vhost);
    o.text("name", &exchange.name);
    o.text("kind", &exchange.kind);
    o.raw("durable", exchange.durable);
    o.raw("auto_delete", exchange.auto_delete);
    o.raw("internal", exchange.internal);
    arguments(o, &exchange.arguments);
}

fn binding(o: &mut Object<'_>, binding: &BindingStatus) {
    o.text("vhost", &binding.vhost);
    o.text("source", &binding.source);
    o.text("destination", &binding.destination);
    o.raw("to_queue", binding.to_queue);
    o.text("routing_key", &binding.routing_key);
}

fn connection(o: &mut Object<'_>, connection: &ConnectionStatus) {
    o.raw("handle", connection.handle);
    o.text("vhost", &connection.vhost);
    match &connection.name {
        Some(name) => o.text("name", name),
        None => o.raw("name", "null"),
    }
    o.text("user", &connection.user);
    o.text("peer", &connection.peer.to_string());
    let since = connection.since.duration_since(UNIX_EPOCH);
    o.raw("since", since.unwrap_or_default().as_secs());
    o.raw("blocked", connection.blocked);
    o.list("channels", &connection.channels, channel);
}

fn channel(o: &mut Object<'_>, channel: &ChannelStatus) {
    o.raw("number", channel.number);
    o.raw("consumers", channel.consumers);
    o.raw("unacked", channel.unacked);
    o.raw("confirms", channel.confirms);
    o.raw("transaction", channel.transaction);
}

fn arguments(o: &mut Object<'_>, arguments: &BTreeMap<String, Argument>) {
    o.key("arguments");
    object(o.out, |o| {
        for (name, value) in arguments {
            match value {
                Argument::Integer(value) => o.raw(name, value),
                Argument::Bool(value) => o.raw(name, value),
                Argument::Text(value) | Argument::Other(value) => o.text(name, value),
            }
        }
    });
}

struct Object<'a> {
    out: &'a mut String,
    first: bool,
}

fn object(out: &mut String, fill: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    fill(&mut Object { out, first: true });
    out.push('}');
}

impl Object<'_> {
    fn key(&mut self, name: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        string(self.out, name);
        self.out.push(':');
    }

    /// A value that is JSON as it is printed.
    fn raw(&mut self, name: &str, value: impl std::fmt::Display) {
        self.key(name);
        // Writing to a string does not fail.
        let _ = write!(self.out, "{value}");
    }

    fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        string(self.out, value);
    }

    fn list<T>(&mut self, name: &str, items: &[T], fill: impl Fn(&mut Object<'_>, &T)) {
        self.key(name);
        self.out.push('[');
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                self.out.push(',');
            }
            object(self.out, |o| fill(o, item));
        }
        self.out.push(']');
    }
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // `<` too: nothing in a name shall end a script that it is put into.
            c if c.is_control() || c == '<' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
