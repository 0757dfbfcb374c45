use std::collections::BTreeSet;

use slotmap::SlotMap;

use super::*;

mod model;
mod refusals;

struct World {
    exchanges: Exchanges,
    queues: SlotMap<QueueId, String>,
}

impl World {
    fn new() -> Self {
        Self {
            exchanges: Exchanges::new("/".into()),
            queues: SlotMap::with_key(),
        }
    }

    fn queue(&mut self, name: &str) -> QueueId {
        self.queues.insert(name.to_owned())
    }

    fn declare(&mut self, name: &str, kind: &str) {
        self.exchanges.declare(declaration(name, kind)).unwrap();
    }

    fn auto_delete(&mut self, name: &str) {
        let declare = ExchangeDeclare {
            auto_delete: true,
            ..declaration(name, "fanout")
        };
        self.exchanges.declare(declare).unwrap();
    }

    fn bind(&mut self, source: &str, queue: QueueId, key: &str) {
        self.bind_with(source, queue, key, FieldTable::default());
    }

    fn bind_with(&mut self, source: &str, queue: QueueId, key: &str, arguments: FieldTable) {
        let destination = self.destination(queue);
        self.exchanges
            .bind(source, destination, key, arguments)
            .unwrap();
    }

    fn unbind(&mut self, source: &str, queue: QueueId, key: &str) {
        let destination = self.destination(queue);
        self.exchanges
            .unbind(source, destination, key, &FieldTable::default())
            .unwrap();
    }

    fn chain(&mut self, source: &str, destination: &str, key: &str) {
        let destination = Destination::Exchange(destination.into());
        self.exchanges
            .bind(source, destination, key, FieldTable::default())
            .unwrap();
    }

    fn destination(&self, queue: QueueId) -> Destination {
        Destination::Queue(queue, self.queues[queue].as_str().into())
    }

    fn routed(&self, exchange: &str, keys: &[&str]) -> Vec<&str> {
        self.routed_with(exchange, keys, &Properties::default())
    }

    /// The names of the queues, sorted; twice where a queue would get two.
    fn routed_with(&self, exchange: &str, keys: &[&str], properties: &Properties) -> Vec<&str> {
        let mut queues = Vec::new();
        self.exchanges
            .route(exchange, keys, properties, &mut queues);
        let mut names: Vec<&str> = queues.iter().map(|id| self.queues[*id].as_str()).collect();
        names.sort_unstable();
        names
    }

    fn exists(&self, name: &str) -> bool {
        self.exchanges.get(name).is_some()
    }
}

fn declaration(name: &str, kind: &str) -> ExchangeDeclare {
    ExchangeDeclare {
        name: name.to_owned(),
        kind: kind.to_owned(),
        passive: false,
        durable: false,
        auto_delete: false,
        internal: false,
        arguments: FieldTable::default(),
    }
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn refused(result: Result<(), Refusal>) -> (u16, String) {
    let refusal = result.unwrap_err();
    (refusal.code, refusal.text)
}

#[test]
fn a_direct_exchange_routes_by_equal_keys() {
    let mut world = World::new();
    let (one, two) = (world.queue("one"), world.queue("two"));
    world.bind("amq.direct", one, "k");
    world.bind("amq.direct", two, "k");
    world.bind("amq.direct", two, "other");
    assert_eq!(world.routed("amq.direct", &["k"]), ["one", "two"]);
    assert_eq!(world.routed("amq.direct", &["other"]), ["two"]);
    assert!(world.routed("amq.direct", &["K"]).is_empty());
    assert_eq!(world.routed("amq.direct", &["k", "other"]), ["one", "two"]);
}

#[test]
fn a_queue_bound_more_than_once_gets_a_message_once() {
    let mut world = World::new();
    let queue = world.queue("q");
    world.bind("amq.direct", queue, "k");
    world.bind("amq.direct", queue, "k");
    world.bind_with("amq.direct", queue, "k", table([("a", text("b"))]));
    assert_eq!(world.exchanges.bindings().count(), 2);
    assert_eq!(world.routed("amq.direct", &["k"]), ["q"]);
    world.unbind("amq.direct", queue, "k");
    assert_eq!(
        world.routed("amq.direct", &["k"]),
        ["q"],
        "the other binding is left"
    );
    let destination = world.destination(queue);
    let arguments = table([("a", text("b"))]);
    world
        .exchanges
        .unbind("amq.direct", destination, "k", &arguments)
        .unwrap();
    assert!(world.routed("amq.direct", &["k"]).is_empty());
}

#[test]
fn headers_decide_on_a_headers_exchange() {
    let mut world = World::new();
    let names = ["all", "any", "none"];
    let [all, any, none] = names.map(|name| world.queue(name));
    let wanted = |mode: &str| {
        table([
            ("x-match", text(mode)),
            ("a", text("1")),
            ("b", AMQPValue::Void),
        ])
    };
    world.bind_with("amq.headers", all, "", wanted("all"));
    world.bind_with("amq.headers", any, "", wanted("any"));
    world.bind_with("amq.headers", none, "", table([("x-match", text("any"))]));
    let with = |headers| Properties::default().with_headers(&headers);
    let both = with(table([("a", text("1")), ("b", AMQPValue::LongInt(7))]));
    assert_eq!(
        world.routed_with("amq.headers", &[""], &both),
        ["all", "any"]
    );
    let only = with(table([("b", text("?"))]));
    assert_eq!(world.routed_with("amq.headers", &[""], &only), ["any"]);
    assert!(world.routed("amq.headers", &["all"]).is_empty());
    world.exchanges.queue_deleted(all);
    assert_eq!(world.routed_with("amq.headers", &[""], &both), ["any"]);
}

#[test]
fn exchanges_that_lead_in_a_circle_are_walked_once() {
    let mut world = World::new();
    let queue = world.queue("q");
    world.declare("a", "fanout");
    world.declare("b", "topic");
    world.chain("a", "b", "");
    world.chain("b", "a", "#");
    world.chain("b", "b", "#");
    world.bind("b", queue, "x.*");
    world.bind("a", queue, "");
    assert_eq!(world.routed("a", &["x.y"]), ["q"]);
    assert_eq!(world.routed("b", &["nothing"]), ["q"]);
}

#[test]
fn an_alternate_exchange_gets_what_matches_nothing() {
    let mut world = World::new();
    let (kept, lost) = (world.queue("kept"), world.queue("lost"));
    let declare = ExchangeDeclare {
        arguments: table([(ALTERNATE, text("later"))]),
        ..declaration("first", "direct")
    };
    world.exchanges.declare(declare).unwrap();
    world.bind("first", kept, "k");
    assert!(
        world.routed("first", &["?"]).is_empty(),
        "it does not exist yet"
    );
    world.declare("later", "fanout");
    world.bind("later", lost, "");
    assert_eq!(world.routed("first", &["?"]), ["lost"]);
    assert_eq!(world.routed("first", &["k"]), ["kept"]);
}

#[test]
fn an_exchange_that_nothing_comes_out_of_is_still_a_match() {
    let mut world = World::new();
    let lost = world.queue("lost");
    let declare = ExchangeDeclare {
        arguments: table([(ALTERNATE, text("amq.fanout"))]),
        ..declaration("first", "fanout")
    };
    world.exchanges.declare(declare).unwrap();
    world.declare("empty", "fanout");
    world.bind("amq.fanout", lost, "");
    assert_eq!(world.routed("first", &[""]), ["lost"]);
    world.chain("first", "empty", "");
    assert!(world.routed("first", &[""]).is_empty());
}

#[test]
fn auto_delete_exchanges_go_with_their_last_binding_and_take_others_along() {
    let mut world = World::new();
    let queue = world.queue("q");
    for name in ["a", "b", "c"] {
        world.auto_delete(name);
    }
    world.chain("a", "b", "");
    world.chain("b", "c", "");
    world.bind("c", queue, "1");
    world.bind("c", queue, "2");
    world.unbind("c", queue, "nothing");
    world.unbind("c", queue, "1");
    assert!(world.exists("c"));
    world.unbind("c", queue, "2");
    assert!(!["a", "b", "c"].iter().any(|name| world.exists(name)));
    assert_eq!(world.exchanges.bindings().count(), 0);
}

#[test]
fn a_deleted_queue_takes_its_bindings_and_auto_delete_exchanges_along() {
    let mut world = World::new();
    let (gone, stays) = (world.queue("gone"), world.queue("stays"));
    world.auto_delete("a");
    world.auto_delete("b");
    world.bind("a", gone, "");
    world.bind("b", gone, "");
    world.bind("b", stays, "");
    world.bind("amq.topic", gone, "x.#");
    world.exchanges.queue_deleted(gone);
    assert!(!world.exists("a"));
    assert_eq!(world.routed("b", &[""]), ["stays"]);
    assert!(world.routed("amq.topic", &["x"]).is_empty());
    assert_eq!(world.exchanges.bindings().count(), 1);
}

#[test]
fn a_deleted_exchange_is_gone_from_both_sides() {
    let mut world = World::new();
    let queue = world.queue("q");
    world.declare("middle", "fanout");
    world.auto_delete("only");
    world.chain("amq.direct", "middle", "k");
    world.chain("only", "middle", "");
    world.bind("middle", queue, "");
    assert_eq!(world.routed("amq.direct", &["k"]), ["q"]);
    let (code, text) = refused(world.exchanges.delete("middle", true));
    assert_eq!(code, 406);
    assert_eq!(
        text,
        "PRECONDITION_FAILED - exchange 'middle' in vhost '/' in use"
    );
    world.exchanges.delete("middle", false).unwrap();
    world.exchanges.delete("middle", true).unwrap();
    assert!(!world.exists("only"), "its last binding went");
    world.declare("middle", "fanout");
    assert!(world.routed("amq.direct", &["k"]).is_empty());
    world.exchanges.queue_deleted(queue);
}

#[test]
fn only_durable_exchanges_are_left_after_a_restart() {
    let mut world = World::new();
    let queue = world.queue("q");
    world.declare("transient", "fanout");
    let durable = ExchangeDeclare {
        durable: true,
        ..declaration("durable", "fanout")
    };
    world.exchanges.declare(durable).unwrap();
    world.chain("durable", "transient", "");
    world.bind("transient", queue, "");
    world.bind("durable", queue, "");
    world.exchanges.retain_durable();
    let names: BTreeSet<&str> = world
        .exchanges
        .iter()
        .map(|exchange| &*exchange.name)
        .collect();
    let left = [
        "",
        "amq.direct",
        "amq.fanout",
        "amq.headers",
        "amq.match",
        "amq.rabbitmq.trace",
        "amq.topic",
        "durable",
    ];
    assert_eq!(names, BTreeSet::from(left));
    assert_eq!(world.exchanges.bindings().count(), 1);
}

#[test]
fn names_lose_their_line_breaks() {
    let mut world = World::new();
    world.declare("a\r\nb", "fanout");
    assert!(world.exists("ab"));
    world.declare("a\nb", "fanout");
    world.exchanges.delete("ab\n", false).unwrap();
    assert!(!world.exists("ab"));
}
