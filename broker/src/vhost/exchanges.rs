//! Exchanges: declared and deleted as RabbitMQ has it, and the way of a message through them.

mod bindings;
mod entries;
#[cfg(any(test, fuzzing))]
mod invariants;
mod routes;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use amq_protocol::protocol::exchange;
use amq_protocol::types::{AMQPValue, FieldTable};
use slotmap::SlotMap;

use self::bindings::Alike;
pub(crate) use self::bindings::Binding;
use self::entries::Target;
pub(super) use self::entries::{Entries, Entry};
use self::routes::Routes;
use super::{QueueId, arguments};
use crate::Name;
use crate::erlang;
use crate::error::Refusal;
use crate::wire::properties::Properties;

slotmap::new_key_type! {
    pub(super) struct ExchangeId;
    pub(super) struct BindingId;
}

const ALTERNATE: &str = "alternate-exchange";
/// Where RabbitMQ's tracing would publish.
const TRACE: &str = "amq.rabbitmq.trace";

/// Where a binding leads.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    Queue(QueueId, Name),
    Exchange(Name),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Direct,
    Fanout,
    Topic,
    Headers,
}

impl Kind {
    fn parse(name: &str) -> Result<Self, Refusal> {
        match name {
            "direct" => Ok(Self::Direct),
            "fanout" => Ok(Self::Fanout),
            "topic" => Ok(Self::Topic),
            "headers" => Ok(Self::Headers),
            // RabbitMQ calls a name unknown that nothing in its virtual machine has.
            "" => Err(Refusal::command_invalid("invalid exchange type ''")),
            _ => Err(Refusal::command_invalid(format!(
                "unknown exchange type '{name}'"
            ))),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
            Self::Headers => "headers",
        }
    }
}

/// One exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) name: Name,
    pub(crate) kind: Kind,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    pub(crate) internal: bool,
    pub(crate) arguments: FieldTable,
    /// Gets what is routed nowhere.
    pub(crate) alternate: Option<Name>,
    routes: Routes,
    /// All bindings with this exchange as their source.
    bound: HashMap<(Target, Name), Alike>,
}

/// What exchange.declare asks for.
#[derive(Debug)]
pub(crate) struct ExchangeDeclare {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) passive: bool,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    pub(crate) internal: bool,
    pub(crate) arguments: FieldTable,
}

impl From<exchange::Declare> for ExchangeDeclare {
    fn from(declare: exchange::Declare) -> Self {
        Self {
            name: declare.exchange.into(),
            kind: declare.kind.into(),
            passive: declare.passive,
            durable: declare.durable,
            auto_delete: declare.auto_delete,
            internal: declare.internal,
            arguments: declare.arguments,
        }
    }
}

/// All exchanges of a virtual host, with their bindings.
#[derive(Debug)]
pub(crate) struct Exchanges {
    vhost: Name,
    exchanges: SlotMap<ExchangeId, Exchange>,
    names: HashMap<Name, ExchangeId>,
    bindings: SlotMap<BindingId, Binding>,
    /// The bindings that lead to each destination.
    inbound: HashMap<Target, HashSet<BindingId>>,
}

impl Exchanges {
    pub(crate) fn new(vhost: Name) -> Self {
        let mut exchanges = Self {
            vhost,
            exchanges: SlotMap::with_key(),
            names: HashMap::new(),
            bindings: SlotMap::with_key(),
            inbound: HashMap::new(),
        };
        for (name, kind) in [
            ("", Kind::Direct),
            ("amq.direct", Kind::Direct),
            ("amq.fanout", Kind::Fanout),
            ("amq.topic", Kind::Topic),
            ("amq.headers", Kind::Headers),
            ("amq.match", Kind::Headers),
            (TRACE, Kind::Topic),
        ] {
            exchanges.insert(Exchange {
                name: name.into(),
                kind,
                durable: true,
                auto_delete: false,
                internal: name == TRACE,
                arguments: FieldTable::default(),
                alternate: None,
                routes: Routes::new(kind),
                bound: HashMap::new(),
            });
        }
        exchanges
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Exchange> {
        self.exchanges.get(*self.names.get(name)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.values()
    }

    /// Creates an exchange, or checks that the one that is there is the same.
    ///
    /// # Errors
    ///
    /// 503 for an unknown type, 403 for the default exchange and new names with `amq.`, 404 when passive and missing,
    /// 406 for one that differs and for an alternate exchange that is no string.
    pub(crate) fn declare(&mut self, declare: ExchangeDeclare) -> Result<(), Refusal> {
        let name = stripped(&declare.name);
        if declare.passive {
            not_default(&name)?;
            return self.named(&name).map(|_| ());
        }
        let kind = Kind::parse(&declare.kind)?;
        not_default(&name)?;
        if let Some(existing) = self.get(&name) {
            return self.equivalent(existing, kind, &declare);
        }
        if name.starts_with("amq.") {
            return Err(Refusal::access_refused(format!(
                "exchange name '{name}' contains reserved prefix 'amq.*'"
            )));
        }
        let alternate = match declare.arguments.inner().get(ALTERNATE) {
            None => None,
            Some(AMQPValue::LongString(name)) => Some(Name::from(name.to_string())),
            Some(other) => {
                return Err(Refusal::precondition_failed(format!(
                    "invalid type '{}' for arg '{ALTERNATE}' in {}",
                    erlang::type_name(other),
                    self.resource(&name)
                )));
            }
        };
        self.insert(Exchange {
            name: Name::from(name),
            kind,
            durable: declare.durable,
            auto_delete: declare.auto_delete,
            internal: declare.internal,
            arguments: declare.arguments,
            alternate,
            routes: Routes::new(kind),
            bound: HashMap::new(),
        });
        Ok(())
    }

    /// Deletes an exchange with its bindings, and what is left unused by that; nothing happens if it is not there.
    ///
    /// # Errors
    ///
    /// 403 for the default exchange and those with `amq.`, 406 if it has bindings and is to be deleted only without.
    pub(crate) fn delete(&mut self, name: &str, if_unused: bool) -> Result<(), Refusal> {
        let name = stripped(name);
        not_default(&name)?;
        if name.starts_with("amq.") {
            return Err(Refusal::access_refused(format!(
                "deletion of system {} not allowed",
                self.resource(&name)
            )));
        }
        let Some(id) = self.names.get(&*name).copied() else {
            return Ok(());
        };
        if if_unused && !self.exchanges[id].bound.is_empty() {
            return Err(Refusal::precondition_failed(format!(
                "{} in use",
                self.resource(&name)
            )));
        }
        let inbound = self.remove_exchange(id);
        self.remove_bindings(inbound);
        Ok(())
    }

    /// Deletes all exchanges that a restart would end.
    pub(crate) fn retain_durable(&mut self) {
        let transient: Vec<ExchangeId> = self
            .exchanges
            .iter()
            .filter(|(_, exchange)| !exchange.durable)
            .map(|(id, _)| id)
            .collect();
        for id in transient {
            let inbound = self.remove_exchange(id);
            self.remove_bindings(inbound);
        }
    }

    /// Adds the queues that a message goes to, and leaves each there once. The default exchange leads nowhere here: it is not made of
    /// bindings.
    pub(crate) fn route(
        &self,
        exchange: &str,
        keys: &[&str],
        properties: &Properties,
        into: &mut Vec<QueueId>,
    ) {
        let Some(first) = self.names.get(exchange) else {
            return;
        };
        let mut waiting = self.step(*first, keys, properties, into);
        if !waiting.is_empty() {
            let mut seen = HashSet::from([*first]);
            while let Some(next) = waiting.pop() {
                if seen.insert(next) {
                    waiting.extend(self.step(next, keys, properties, into));
                }
            }
        }
        if into.len() > 1 {
            into.sort_unstable();
            into.dedup();
        }
    }

    /// What one exchange makes of a message: adds queues, returns exchanges.
    fn step(
        &self,
        id: ExchangeId,
        keys: &[&str],
        properties: &Properties,
        into: &mut Vec<QueueId>,
    ) -> Vec<ExchangeId> {
        let mut next = Vec::new();
        let Some(exchange) = self.exchanges.get(id) else {
            return next;
        };
        let mut matched = false;
        exchange.routes.matching(
            keys,
            || properties.headers(),
            |entry| {
                matched = true;
                match entry.to {
                    Target::Queue(queue) => into.push(queue),
                    Target::Exchange(exchange) => next.push(exchange),
                }
            },
        );
        if !matched && let Some(alternate) = &exchange.alternate {
            next.extend(self.names.get(alternate));
        }
        next
    }

    fn insert(&mut self, exchange: Exchange) {
        let name = Name::clone(&exchange.name);
        let id = self.exchanges.insert(exchange);
        self.names.insert(name, id);
    }

    fn named(&self, name: &str) -> Result<ExchangeId, Refusal> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| Refusal::not_found(format!("no {}", self.resource(name))))
    }

    fn resource(&self, name: &str) -> String {
        format!("exchange '{name}' in vhost '{}'", self.vhost)
    }

    fn equivalent(
        &self,
        current: &Exchange,
        kind: Kind,
        wanted: &ExchangeDeclare,
    ) -> Result<(), Refusal> {
        let resource = self.resource(&current.name);
        arguments::same_field(&resource, "type", current.kind.name(), kind.name())?;
        arguments::same_field(&resource, "durable", current.durable, wanted.durable)?;
        arguments::same_field(
            &resource,
            "auto_delete",
            current.auto_delete,
            wanted.auto_delete,
        )?;
        arguments::same_field(&resource, "internal", current.internal, wanted.internal)?;
        arguments::same_argument(&resource, ALTERNATE, &current.arguments, &wanted.arguments)
    }
}

/// Refuses what would change the default exchange.
///
/// # Errors
///
/// 403 for an empty name.
pub(crate) fn not_default(name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(Refusal::access_refused(
            "operation not permitted on the default exchange",
        ));
    }
    Ok(())
}

/// The names of exchanges and queues are stripped of line breaks, wherever in them these are.
pub(crate) fn stripped(name: &str) -> Cow<'_, str> {
    if name.contains(['\n', '\r']) {
        Cow::Owned(name.replace(['\n', '\r'], ""))
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests;
