//! Random changes, compared with a list of bindings that is searched from one end to the other.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const QUEUES: usize = 4;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "amq.topic"];
const KEYS: [&str; 5] = ["", "x", "x.y", "#", "*.y"];

#[derive(Clone, Debug)]
enum Change {
    Declare {
        name: usize,
        kind: usize,
        auto_delete: bool,
        alternate: Option<usize>,
    },
    Delete {
        name: usize,
        if_unused: bool,
    },
    Bind {
        source: usize,
        to: To,
        key: usize,
        arguments: bool,
    },
    Unbind {
        source: usize,
        to: To,
        key: usize,
        arguments: bool,
    },
    QueueDeleted(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum To {
    Queue(usize),
    Exchange(usize),
}

fn to() -> impl Strategy<Value = To> + Clone {
    prop_oneof![
        (0..QUEUES).prop_map(To::Queue),
        (0..NAMES.len()).prop_map(To::Exchange)
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let binding = (0..NAMES.len(), to(), 0..KEYS.len(), any::<bool>());
    prop_oneof![
        4 => (0..4usize, 0..3usize, any::<bool>(), proptest::option::of(0..NAMES.len())).prop_map(
            |(name, kind, auto_delete, alternate)| Change::Declare { name, kind, auto_delete, alternate }
        ),
        1 => (0..4usize, any::<bool>()).prop_map(|(name, if_unused)| Change::Delete { name, if_unused }),
        8 => binding.clone().prop_map(|(source, to, key, arguments)| Change::Bind { source, to, key, arguments }),
        4 => binding.prop_map(|(source, to, key, arguments)| Change::Unbind { source, to, key, arguments }),
        1 => (0..QUEUES).prop_map(Change::QueueDeleted),
    ]
}

#[derive(Clone, Copy)]
struct Known {
    kind: usize,
    auto_delete: bool,
    alternate: Option<usize>,
}

type Bound = (usize, To, usize, bool);

struct Model {
    exchanges: [Option<Known>; NAMES.len()],
    bindings: Vec<Bound>,
}

impl Model {
    fn new() -> Self {
        let mut exchanges = [None; NAMES.len()];
        exchanges[4] = Some(Known {
            kind: 2,
            auto_delete: false,
            alternate: None,
        });
        Self {
            exchanges,
            bindings: Vec::new(),
        }
    }

    fn apply(&mut self, change: &Change) {
        match *change {
            Change::Declare {
                name,
                kind,
                auto_delete,
                alternate,
            } => {
                self.exchanges[name].get_or_insert(Known {
                    kind,
                    auto_delete,
                    alternate,
                });
            }
            Change::Delete { name, if_unused } => {
                if !(if_unused && self.bindings.iter().any(|bound| bound.0 == name)) {
                    self.delete(name);
                }
            }
            Change::Bind {
                source,
                to,
                key,
                arguments,
            } => {
                let exists = self.exchanges[source].is_some() && self.reachable(to);
                if exists && !self.bindings.contains(&(source, to, key, arguments)) {
                    self.bindings.push((source, to, key, arguments));
                }
            }
            Change::Unbind {
                source,
                to,
                key,
                arguments,
            } => {
                self.remove(|bound| *bound == (source, to, key, arguments));
            }
            Change::QueueDeleted(queue) => self.remove(|bound| bound.1 == To::Queue(queue)),
        }
    }

    fn reachable(&self, to: To) -> bool {
        match to {
            To::Queue(_) => true,
            To::Exchange(name) => self.exchanges[name].is_some(),
        }
    }

    fn delete(&mut self, name: usize) {
        self.exchanges[name] = None;
        self.bindings.retain(|bound| bound.0 != name);
        self.remove(|bound| bound.1 == To::Exchange(name));
    }

    fn remove(&mut self, which: impl Fn(&Bound) -> bool) {
        let removed: Vec<Bound> = self.bindings.iter().copied().filter(&which).collect();
        self.bindings.retain(|bound| !which(bound));
        for (source, ..) in removed {
            let unused = !self.bindings.iter().any(|bound| bound.0 == source);
            if unused && self.exchanges[source].is_some_and(|known| known.auto_delete) {
                self.delete(source);
            }
        }
    }

    fn route(&self, name: usize, key: &str, seen: &mut Vec<usize>, into: &mut BTreeSet<usize>) {
        let Some(known) = self.exchanges[name] else {
            return;
        };
        if seen.contains(&name) {
            return;
        }
        seen.push(name);
        let fits = |pattern: &str| match known.kind {
            0 => pattern == key,
            1 => true,
            _ => topic(pattern, key),
        };
        let matching: Vec<To> = self
            .bindings
            .iter()
            .filter(|bound| bound.0 == name && fits(KEYS[bound.2]))
            .map(|bound| bound.1)
            .collect();
        if matching.is_empty()
            && let Some(alternate) = known.alternate
        {
            self.route(alternate, key, seen, into);
        }
        for to in matching {
            match to {
                To::Queue(queue) => {
                    into.insert(queue);
                }
                To::Exchange(next) => self.route(next, key, seen, into),
            }
        }
    }
}

/// Enough for the patterns that are used here.
fn topic(pattern: &str, key: &str) -> bool {
    match pattern {
        "#" => true,
        "*.y" => key.split('.').count() == 2 && key.ends_with(".y"),
        _ => pattern == key,
    }
}

fn table_for(arguments: bool) -> FieldTable {
    match arguments {
        true => table([("some", text("argument"))]),
        false => FieldTable::default(),
    }
}

struct Real {
    world: World,
    queues: [QueueId; QUEUES],
}

impl Real {
    fn new() -> Self {
        let mut world = World::new();
        let queues = std::array::from_fn(|number| world.queue(&number.to_string()));
        Self { world, queues }
    }

    fn destination(&self, to: To) -> Destination {
        match to {
            To::Queue(queue) => self.world.destination(self.queues[queue]),
            To::Exchange(name) => Destination::Exchange(NAMES[name].into()),
        }
    }

    fn apply(&mut self, change: &Change) {
        // Refusals show in what exists afterwards.
        let _ = match *change {
            Change::Declare {
                name,
                kind,
                auto_delete,
                alternate,
            } => {
                let mut arguments = FieldTable::default();
                if let Some(alternate) = alternate {
                    arguments.insert(ALTERNATE.into(), text(NAMES[alternate]));
                }
                let kind = ["direct", "fanout", "topic"][kind];
                self.world.exchanges.declare(ExchangeDeclare {
                    auto_delete,
                    arguments,
                    ..declaration(NAMES[name], kind)
                })
            }
            Change::Delete { name, if_unused } => {
                self.world.exchanges.delete(NAMES[name], if_unused)
            }
            Change::Bind {
                source,
                to,
                key,
                arguments,
            } => {
                let to = self.destination(to);
                self.world
                    .exchanges
                    .bind(NAMES[source], to, KEYS[key], table_for(arguments))
            }
            Change::Unbind {
                source,
                to,
                key,
                arguments,
            } => {
                let to = self.destination(to);
                self.world
                    .exchanges
                    .unbind(NAMES[source], to, KEYS[key], &table_for(arguments))
            }
            Change::QueueDeleted(queue) => {
                self.world.exchanges.queue_deleted(self.queues[queue]);
                Ok(())
            }
        };
    }
}

proptest! {
    #[test]
    fn behaves_as_a_list_of_bindings_would(changes in vec(change(), 0..40)) {
        let (mut model, mut real) = (Model::new(), Real::new());
        for change in &changes {
            model.apply(change);
            real.apply(change);
            let exchanges = &real.world.exchanges;
            for (name, known) in NAMES.iter().zip(&model.exchanges) {
                prop_assert_eq!(exchanges.get(name).is_some(), known.is_some(), "{} {:?}", name, change);
            }
            prop_assert_eq!(exchanges.bindings().count(), model.bindings.len(), "{:?}", change);
            let inbound: usize = exchanges.inbound.values().map(HashSet::len).sum();
            prop_assert_eq!(inbound, model.bindings.len());
        }
        for (number, name) in NAMES.iter().enumerate() {
            for key in KEYS {
                let mut expected = BTreeSet::new();
                model.route(number, key, &mut Vec::new(), &mut expected);
                let expected: Vec<String> = expected.iter().map(usize::to_string).collect();
                prop_assert_eq!(real.world.routed(name, &[key]), expected, "{} {}", name, key);
            }
        }
    }
}
