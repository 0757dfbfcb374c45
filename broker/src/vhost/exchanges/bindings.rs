//! Bindings: added, removed, and gone together with what they bind, whatever that takes along.

use amq_protocol::types::FieldTable;
use smallvec::SmallVec;

use super::{BindingId, Destination, Entry, ExchangeId, Exchanges, Target, not_default, stripped};
use crate::Name;
use crate::error::Refusal;
use crate::vhost::QueueId;
use crate::vhost::headers;

/// What makes messages of an exchange go somewhere.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) source: Name,
    pub(crate) destination: Destination,
    pub(crate) key: Name,
    pub(crate) arguments: FieldTable,
    pub(super) from: ExchangeId,
    pub(super) to: Target,
    /// Where the routes of the source have it.
    slot: usize,
}

/// The bindings of an exchange between one destination and one key; several only if their arguments differ.
pub(super) type Alike = SmallVec<[BindingId; 1]>;

impl Exchanges {
    /// Whether there is an exchange that things may be bound to; asked before RabbitMQ looks for the queue.
    ///
    /// # Errors
    ///
    /// 403 for the default exchange, 404 for one that does not exist.
    pub(crate) fn bindable(&self, source: &str) -> Result<(), Refusal> {
        let source = stripped(source);
        not_default(&source)?;
        self.named(&source).map(|_| ())
    }

    /// Adds a binding; nothing happens if it is there.
    ///
    /// # Errors
    ///
    /// 403 for the default exchange, 404 for one that does not exist, 406 for an invalid `x-match`.
    pub(crate) fn bind(
        &mut self,
        source: &str,
        destination: Destination,
        key: &str,
        arguments: FieldTable,
    ) -> Result<(), Refusal> {
        let source = stripped(source);
        if let Destination::Exchange(name) = &destination {
            not_default(name)?;
        }
        not_default(&source)?;
        let from = self.named(&source)?;
        let (to, destination) = self.target(destination)?;
        if matches!(self.exchanges[from].kind, super::Kind::Headers) {
            headers::check(&arguments)?;
        }
        if self.find(from, to, key, &arguments).is_some() {
            return Ok(());
        }
        let exchange = &mut self.exchanges[from];
        let key = Name::from(key);
        let binding = self.bindings.insert_with_key(|id| {
            let entry = Entry { to, binding: id };
            Binding {
                source: Name::clone(&exchange.name),
                destination,
                slot: exchange.routes.insert(&key, &arguments, entry),
                key: Name::clone(&key),
                arguments,
                from,
                to,
            }
        });
        exchange.bound.entry((to, key)).or_default().push(binding);
        self.inbound.entry(to).or_default().insert(binding);
        Ok(())
    }

    /// Takes a binding away; nothing happens if it, or what it is to bind, is not there. An auto-delete exchange goes
    /// with its last binding.
    ///
    /// # Errors
    ///
    /// 403 for the default exchange.
    pub(crate) fn unbind(
        &mut self,
        source: &str,
        destination: Destination,
        key: &str,
        arguments: &FieldTable,
    ) -> Result<(), Refusal> {
        let source = stripped(source);
        if let Destination::Exchange(name) = &destination {
            not_default(name)?;
        }
        not_default(&source)?;
        if let Some(binding) = self.lookup(&source, destination, key, arguments) {
            self.remove_bindings([binding]);
        }
        Ok(())
    }

    pub(crate) fn is_bound(
        &self,
        source: &str,
        destination: Destination,
        key: &str,
        arguments: &FieldTable,
    ) -> bool {
        self.lookup(&stripped(source), destination, key, arguments)
            .is_some()
    }

    /// Takes away all bindings of a queue that is gone.
    pub(crate) fn queue_deleted(&mut self, id: QueueId) {
        if let Some(bindings) = self.inbound.remove(&Target::Queue(id)) {
            self.remove_bindings(bindings);
        }
    }

    pub(crate) fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.values()
    }

    /// Removes bindings, then the auto-delete exchanges that have none left, then the bindings of these, and so on.
    pub(super) fn remove_bindings(&mut self, bindings: impl IntoIterator<Item = BindingId>) {
        let mut waiting: Vec<BindingId> = bindings.into_iter().collect();
        let mut sources = Vec::new();
        while !waiting.is_empty() {
            for binding in waiting.drain(..) {
                sources.extend(self.remove_binding(binding));
            }
            for source in sources.drain(..) {
                let unused = self
                    .exchanges
                    .get(source)
                    .is_some_and(|exchange| exchange.auto_delete && exchange.bound.is_empty());
                if unused {
                    waiting.extend(self.remove_exchange(source));
                }
            }
        }
    }

    /// Removes an exchange with its bindings to others; returns those from others to it.
    pub(super) fn remove_exchange(
        &mut self,
        id: ExchangeId,
    ) -> impl Iterator<Item = BindingId> + use<> {
        if let Some(exchange) = self.exchanges.remove(id) {
            self.names.remove(&exchange.name);
            for binding in exchange.bound.into_values().flatten() {
                self.forget(binding);
            }
        }
        let inbound = self.inbound.remove(&Target::Exchange(id));
        inbound.into_iter().flatten()
    }

    /// Returns the exchange that it was a binding of.
    fn remove_binding(&mut self, id: BindingId) -> Option<ExchangeId> {
        let binding = self.forget(id)?;
        let exchange = self.exchanges.get_mut(binding.from)?;
        if let Some(moved) = exchange.routes.remove(&binding.key, binding.slot)
            && let Some(moved) = self.bindings.get_mut(moved)
        {
            moved.slot = binding.slot;
        }
        let place = (binding.to, binding.key);
        if let Some(alike) = exchange.bound.get_mut(&place) {
            alike.retain(|other| *other != id);
            if alike.is_empty() {
                exchange.bound.remove(&place);
            }
        }
        Some(binding.from)
    }

    fn forget(&mut self, id: BindingId) -> Option<Binding> {
        let binding = self.bindings.remove(id)?;
        if let Some(inbound) = self.inbound.get_mut(&binding.to) {
            inbound.remove(&id);
            if inbound.is_empty() {
                self.inbound.remove(&binding.to);
            }
        }
        Some(binding)
    }

    fn lookup(
        &self,
        source: &str,
        destination: Destination,
        key: &str,
        arguments: &FieldTable,
    ) -> Option<BindingId> {
        let from = self.named(source).ok()?;
        let (to, _) = self.target(destination).ok()?;
        self.find(from, to, key, arguments)
    }

    fn find(
        &self,
        from: ExchangeId,
        to: Target,
        key: &str,
        arguments: &FieldTable,
    ) -> Option<BindingId> {
        let alike = self
            .exchanges
            .get(from)?
            .bound
            .get(&(to, Name::from(key)))?;
        let same = |id: &&BindingId| {
            self.bindings
                .get(**id)
                .is_some_and(|binding| binding.arguments == *arguments)
        };
        alike.iter().find(same).copied()
    }

    fn target(&self, destination: Destination) -> Result<(Target, Destination), Refusal> {
        match destination {
            Destination::Queue(id, _) => Ok((Target::Queue(id), destination)),
            Destination::Exchange(name) => {
                let id = self.named(&stripped(&name))?;
                let name = Name::clone(&self.exchanges[id].name);
                Ok((Target::Exchange(id), Destination::Exchange(name)))
            }
        }
    }
}
