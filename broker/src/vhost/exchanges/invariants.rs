//! What must be true of exchanges and bindings between two methods.

use super::{BindingId, Exchanges, Target};
use crate::vhost::QueueId;

impl Exchanges {
    /// # Panics
    ///
    /// When something is linked from one end only, or leads to what is gone.
    pub(crate) fn check(&self, exists: impl Fn(QueueId) -> bool) {
        assert_eq!(self.names.len(), self.exchanges.len(), "names");
        let mut bound = 0;
        for (id, exchange) in &self.exchanges {
            let name = &exchange.name;
            assert_eq!(self.names.get(name), Some(&id), "'{name}' by name");
            let alike = || exchange.bound.values();
            assert!(alike().all(|alike| !alike.is_empty()), "'{name}'");
            let here: usize = alike().map(|alike| alike.len()).sum();
            assert_eq!(exchange.routes.len(), here, "routes of '{name}'");
            bound += here;
        }
        let inbound = || self.inbound.values();
        assert!(inbound().all(|bindings| !bindings.is_empty()), "inbound");
        let inbound: usize = inbound().map(|bindings| bindings.len()).sum();
        let count = self.bindings.len();
        assert_eq!((bound, inbound), (count, count), "bindings from both ends");
        for (id, binding) in &self.bindings {
            let source = self.exchanges.get(binding.from).expect("a source");
            assert_eq!(source.name, binding.source, "source");
            let place = (binding.to, binding.key.clone());
            let alike = source.bound.get(&place);
            assert!(alike.is_some_and(|alike| alike.contains(&id)), "by place");
            let inbound = self.inbound.get(&binding.to);
            let lists = |bindings: &std::collections::HashSet<BindingId>| bindings.contains(&id);
            assert!(inbound.is_some_and(lists), "by destination");
            let exists = match binding.to {
                Target::Queue(queue) => exists(queue),
                Target::Exchange(exchange) => self.exchanges.contains_key(exchange),
            };
            assert!(exists, "a binding to what is gone");
        }
    }
}
