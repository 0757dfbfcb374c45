//! Declaring, binding, purging and deleting queues; who may use which.

use std::sync::Arc;

use amq_protocol::types::FieldTable;

use super::arguments::{self, Declared};
use super::exchanges::{not_default, stripped};
use super::queue::Queue;
use super::reply_to::DIRECT;
use super::{ConnectionId, Destination, QueueId, Vhost};
use crate::Name;
use crate::error::Refusal;
use crate::random::random_name;

#[derive(Debug)]
pub(crate) struct QueueDeclare<'a> {
    /// Empty: the broker chooses one.
    pub(crate) queue: &'a str,
    pub(crate) passive: bool,
    pub(crate) durable: bool,
    pub(crate) exclusive: bool,
    pub(crate) auto_delete: bool,
    pub(crate) arguments: FieldTable,
}

/// What queue.declare-ok says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QueueInfo {
    pub(crate) name: Name,
    pub(crate) messages: u32,
    pub(crate) consumers: u32,
}

impl Vhost {
    /// # Errors
    ///
    /// 404 (passive), 403 (reserved name), 405 (another connection's), 406 (other properties, or bad arguments).
    pub(crate) fn declare_queue(
        &mut self,
        id: ConnectionId,
        channel: u16,
        declare: QueueDeclare<'_>,
    ) -> Result<QueueInfo, Refusal> {
        let declare = QueueDeclare {
            queue: &stripped(declare.queue),
            // What goes with its connection does not survive a restart.
            durable: declare.durable && !declare.exclusive,
            ..declare
        };
        let info = if declare.queue == DIRECT || self.has_reply_consumer(declare.queue) {
            QueueInfo {
                name: declare.queue.into(),
                messages: 0,
                consumers: 1,
            }
        } else {
            if !declare.passive && declare.queue.starts_with("amq.") {
                return Err(Refusal::access_refused(format!(
                    "queue name '{}' contains reserved prefix 'amq.*'",
                    declare.queue
                )));
            }
            match self.queue_names.get(declare.queue) {
                Some(queue) => self.declared_before(id, *queue, &declare)?,
                None if declare.passive => return Err(no_queue(declare.queue, &self.name)),
                None => self.create_queue(id, declare)?,
            }
        };
        if let Some(holder) = self.channel_mut(id, channel) {
            holder.last_queue = Some(Arc::clone(&info.name));
        }
        Ok(info)
    }

    fn declared_before(
        &mut self,
        id: ConnectionId,
        queue_id: QueueId,
        declare: &QueueDeclare<'_>,
    ) -> Result<QueueInfo, Refusal> {
        let vhost = Arc::clone(&self.name);
        let Some(queue) = self.queues.get_mut(queue_id) else {
            return Err(no_queue(declare.queue, &vhost));
        };
        let foreign = queue.owner.is_some_and(|owner| owner != id);
        let otherwise = !declare.passive && declare.exclusive != queue.owner.is_some();
        if foreign || otherwise {
            return Err(locked(&queue.name, &vhost));
        }
        if !declare.passive {
            let current = Declared {
                durable: queue.durable,
                auto_delete: queue.auto_delete,
                arguments: queue.declared.clone(),
            };
            let wanted = Declared {
                durable: declare.durable,
                auto_delete: declare.auto_delete,
                arguments: declare.arguments.clone(),
            };
            arguments::equivalent(&vhost, &queue.name, &current, &wanted)?;
        }
        queue.last_used = std::time::Instant::now();
        Ok(QueueInfo {
            name: Arc::clone(&queue.name),
            messages: u32::try_from(queue.ready.len()).unwrap_or(u32::MAX),
            consumers: u32::try_from(queue.consumers.len()).unwrap_or(u32::MAX),
        })
    }

    fn create_queue(
        &mut self,
        id: ConnectionId,
        declare: QueueDeclare<'_>,
    ) -> Result<QueueInfo, Refusal> {
        let name = match declare.queue {
            "" => Name::from(format!("amq.gen-{}", random_name())),
            name => Name::from(name),
        };
        let parsed = arguments::parse(
            &declare.arguments,
            &self.name,
            &name,
            declare.durable,
            declare.exclusive,
            declare.auto_delete,
        )?;
        let owner = declare.exclusive.then_some(id);
        let queue = self.queues.insert(Queue::new(
            Arc::clone(&name),
            declare.durable,
            declare.auto_delete,
            owner,
            declare.arguments,
            parsed,
        ));
        self.queue_names.insert(Arc::clone(&name), queue);
        if declare.exclusive
            && let Some(connection) = self.connections.get_mut(id)
        {
            connection.exclusive.insert(queue);
        }
        self.arm_queue(queue);
        tracing::debug!(queue = %name, "queue declared");
        Ok(QueueInfo {
            name,
            messages: 0,
            consumers: 0,
        })
    }

    /// The queue that a method names; an empty name means the last one declared on the channel.
    ///
    /// # Errors
    ///
    /// 404 when none was declared on it.
    pub(crate) fn named_queue(
        &self,
        id: ConnectionId,
        channel: u16,
        name: &str,
    ) -> Result<Name, Refusal> {
        if !name.is_empty() {
            return Ok(name.into());
        }
        self.channel(id, channel)
            .and_then(|holder| holder.last_queue.clone())
            .ok_or_else(|| Refusal::not_found("no previously declared queue"))
    }

    /// A queue that exists and that the connection may use.
    pub(super) fn usable(&self, id: ConnectionId, name: &str) -> Result<QueueId, Refusal> {
        let queue_id = self
            .queue_names
            .get(name)
            .ok_or_else(|| no_queue(name, &self.name))?;
        match self.queues.get(*queue_id).and_then(|queue| queue.owner) {
            Some(owner) if owner != id => Err(locked(name, &self.name)),
            _ => Ok(*queue_id),
        }
    }

    /// # Errors
    ///
    /// 404, 405, 403.
    pub(crate) fn bind_queue(
        &mut self,
        id: ConnectionId,
        queue: &str,
        exchange: &str,
        key: &str,
        arguments: FieldTable,
    ) -> Result<(), Refusal> {
        self.exchanges.bindable(exchange)?;
        let destination = self.destination(id, queue)?;
        self.exchanges.bind(exchange, destination, key, arguments)
    }

    /// # Errors
    ///
    /// 403, 405.
    pub(crate) fn unbind_queue(
        &mut self,
        connection: ConnectionId,
        queue: &str,
        exchange: &str,
        key: &str,
        arguments: FieldTable,
    ) -> Result<(), Refusal> {
        not_default(exchange)?;
        let Some(id) = self.queue_names.get(queue) else {
            return Ok(());
        };
        let destination = Destination::Queue(*id, queue.into());
        // To RabbitMQ it matters whose queue it is only if there is something to unbind.
        let bound = self
            .exchanges
            .is_bound(exchange, destination.clone(), key, &arguments);
        if bound {
            self.usable(connection, queue)?;
        }
        self.exchanges
            .unbind(exchange, destination, key, &arguments)
    }

    fn destination(&self, id: ConnectionId, queue: &str) -> Result<Destination, Refusal> {
        Ok(Destination::Queue(self.usable(id, queue)?, queue.into()))
    }

    /// Drops what waits in a queue and says how many.
    ///
    /// # Errors
    ///
    /// 404, 405.
    pub(crate) fn purge_queue(&mut self, id: ConnectionId, queue: &str) -> Result<u32, Refusal> {
        let queue = self.usable(id, queue)?;
        let purged = self.queues.get_mut(queue).map(|queue| queue.ready.clear());
        Ok(u32::try_from(purged.unwrap_or(0)).unwrap_or(u32::MAX))
    }

    /// The queue to delete and how many messages wait in it; one that does not exist is no error.
    ///
    /// # Errors
    ///
    /// 405, 406 (in use, not empty).
    pub(crate) fn deletable_queue(
        &self,
        id: ConnectionId,
        name: &str,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<Option<(QueueId, u32)>, Refusal> {
        let name = &*stripped(name);
        if !self.queue_names.contains_key(name) {
            return Ok(None);
        }
        let queue_id = self.usable(id, name)?;
        let Some(queue) = self.queues.get(queue_id) else {
            return Ok(None);
        };
        if let Some(flag) = [(if_unused, "if-unused"), (if_empty, "if-empty")]
            .into_iter()
            .find_map(|(set, flag)| (set && queue.arguments.quorum).then_some(flag))
        {
            return Err(Refusal::not_implemented(format!(
                "cannot delete queue '{name}' in vhost '{}'. queue.delete operations with {flag} flag set are not \
                 supported by quorum queues",
                self.name
            )));
        }
        let refused = |why: &str| {
            Err(Refusal::precondition_failed(format!(
                "queue '{name}' in vhost '{}' {why}",
                self.name
            )))
        };
        if if_empty && !queue.ready.is_empty() {
            return refused("not empty");
        }
        if if_unused && !queue.consumers.is_empty() {
            return refused("in use");
        }
        let messages = u32::try_from(queue.ready.len()).unwrap_or(u32::MAX);
        Ok(Some((queue_id, messages)))
    }

    pub(crate) fn delete_queue(&mut self, queue: QueueId) {
        self.remove_queue(queue);
        self.route_dead_letters();
    }

    pub(super) fn delete_if_abandoned(&mut self, id: QueueId) {
        let abandoned = self
            .queues
            .get(id)
            .is_some_and(|queue| queue.auto_delete && queue.consumers.is_empty());
        if abandoned {
            self.remove_queue(id);
        }
    }

    /// Removes a queue with its messages, bindings and consumers.
    pub(crate) fn remove_queue(&mut self, id: QueueId) {
        let Some(queue) = self.queues.remove(id) else {
            return;
        };
        self.queue_names.remove(&queue.name);
        if let Some(connection) = queue
            .owner
            .and_then(|owner| self.connections.get_mut(owner))
        {
            connection.exclusive.remove(&id);
        }
        self.disarm(id, queue.head_timer, queue.idle_timer);
        self.exchanges.queue_deleted(id);
        self.held.forget(id);
        self.cancel_consumers_of(queue.consumers);
        tracing::debug!(queue = %queue.name, "queue deleted");
    }
}

fn no_queue(name: &str, vhost: &str) -> Refusal {
    Refusal::not_found(format!("no queue '{name}' in vhost '{vhost}'"))
}

fn locked(name: &str, vhost: &str) -> Refusal {
    Refusal::resource_locked(format!(
        "cannot obtain exclusive access to locked queue '{name}' in vhost '{vhost}'. It could be originally declared on \
         another connection or the exclusive property value does not match that of the original declaration."
    ))
}
