//! The methods of an open channel: each is checked, carried out and answered. The answer comes before the deliveries and
//! cancellations that the method causes, as from RabbitMQ, whose queues do their part later.

use amq_protocol::protocol::{AMQPClass, access, basic, channel, confirm, exchange, queue, tx};
use bytes::Bytes;

use crate::error::Refusal;
use crate::vhost::{
    ConnectionId, Consume, Destination, ExchangeDeclare, QueueDeclare, Settle, Vhost,
};
use crate::wire::encode::short;

pub(super) fn ack(
    vhost: &mut Vhost,
    connection: ConnectionId,
    channel: u16,
    tag: u64,
    multiple: bool,
) -> Result<(), Refusal> {
    vhost.settle(connection, channel, tag, multiple, Settle::Ack)
}

/// A method that is being carried out.
pub(super) struct Call<'a> {
    pub(super) vhost: &'a mut Vhost,
    pub(super) connection: ConnectionId,
    pub(super) channel: u16,
    /// As it came, for what the decoder leaves out.
    pub(super) payload: &'a Bytes,
}

impl Call<'_> {
    /// False when the channel has been closed by its client.
    pub(super) fn run(mut self, method: AMQPClass) -> Result<bool, Refusal> {
        match method {
            AMQPClass::Channel(method) => return self.channel(method),
            AMQPClass::Exchange(method) => self.exchange(method)?,
            AMQPClass::Queue(method) => self.queue(method)?,
            AMQPClass::Basic(method) => self.basic(method)?,
            AMQPClass::Confirm(method) => self.confirm(&method)?,
            AMQPClass::Tx(method) => self.tx(&method)?,
            AMQPClass::Access(access::AMQPMethod::Request(_)) => {
                let ok = access::AMQPMethod::RequestOk(access::RequestOk {});
                self.answer(AMQPClass::Access(ok));
            }
            AMQPClass::Access(_) | AMQPClass::Connection(_) => return Err(unexpected()),
        }
        Ok(true)
    }

    /// Confirms that wait go first, so that a client that waits for an answer has them.
    fn answer(&mut self, method: AMQPClass) {
        self.vhost.send_confirms(self.connection, self.channel);
        self.vhost.send(self.connection, self.channel, method);
    }

    fn channel(mut self, method: channel::AMQPMethod) -> Result<bool, Refusal> {
        match method {
            channel::AMQPMethod::Open(_) => return Err(second_open()),
            channel::AMQPMethod::Close(_) => {
                self.vhost.close_channel(self.connection, self.channel);
                let ok = channel::AMQPMethod::CloseOk(channel::CloseOk {});
                self.vhost
                    .send(self.connection, self.channel, AMQPClass::Channel(ok));
                return Ok(false);
            }
            channel::AMQPMethod::Flow(channel::Flow { active: true }) => {
                let ok = channel::AMQPMethod::FlowOk(channel::FlowOk { active: true });
                self.answer(AMQPClass::Channel(ok));
            }
            channel::AMQPMethod::Flow(_) => {
                return Err(Refusal::not_implemented("active=false"));
            }
            _ => return Err(unexpected()),
        }
        Ok(true)
    }

    fn exchange(&mut self, method: exchange::AMQPMethod) -> Result<(), Refusal> {
        let (ok, nowait) = match method {
            exchange::AMQPMethod::Declare(declare) => {
                let nowait = declare.nowait;
                let declare = ExchangeDeclare::from(declare);
                self.vhost.exchanges.declare(declare)?;
                let ok = exchange::AMQPMethod::DeclareOk(exchange::DeclareOk {});
                (ok, nowait)
            }
            exchange::AMQPMethod::Delete(delete) => {
                let name = delete.exchange.as_str();
                self.vhost.exchanges.delete(name, delete.if_unused)?;
                let ok = exchange::AMQPMethod::DeleteOk(exchange::DeleteOk {});
                (ok, delete.nowait)
            }
            exchange::AMQPMethod::Bind(bind) => {
                self.vhost.exchanges.bind(
                    bind.source.as_str(),
                    Destination::Exchange(bind.destination.as_str().into()),
                    bind.routing_key.as_str(),
                    bind.arguments,
                )?;
                let ok = exchange::AMQPMethod::BindOk(exchange::BindOk {});
                (ok, bind.nowait)
            }
            exchange::AMQPMethod::Unbind(unbind) => {
                self.vhost.exchanges.unbind(
                    unbind.source.as_str(),
                    Destination::Exchange(unbind.destination.as_str().into()),
                    unbind.routing_key.as_str(),
                    &unbind.arguments,
                )?;
                let ok = exchange::AMQPMethod::UnbindOk(exchange::UnbindOk {});
                (ok, unbind.nowait)
            }
            _ => return Err(unexpected()),
        };
        if !nowait {
            self.answer(AMQPClass::Exchange(ok));
        }
        Ok(())
    }

    fn queue(&mut self, method: queue::AMQPMethod) -> Result<(), Refusal> {
        let (id, channel) = (self.connection, self.channel);
        let (ok, nowait) = match method {
            queue::AMQPMethod::Declare(declare) => {
                let declared = QueueDeclare {
                    queue: declare.queue.as_str(),
                    passive: declare.passive,
                    durable: declare.durable,
                    exclusive: declare.exclusive,
                    auto_delete: declare.auto_delete,
                    arguments: declare.arguments,
                };
                let info = self.vhost.declare_queue(id, channel, declared)?;
                let ok = queue::DeclareOk {
                    queue: short(&info.name).into(),
                    message_count: info.messages,
                    consumer_count: info.consumers,
                };
                (queue::AMQPMethod::DeclareOk(ok), declare.nowait)
            }
            queue::AMQPMethod::Bind(bind) => {
                let (queue, exchange) = (bind.queue.as_str(), bind.exchange.as_str());
                let name = self.vhost.named_queue(id, channel, queue)?;
                let key = binding_key(queue, bind.routing_key.as_str(), &name);
                self.vhost
                    .bind_queue(id, &name, exchange, key, bind.arguments)?;
                let ok = queue::AMQPMethod::BindOk(queue::BindOk {});
                (ok, bind.nowait)
            }
            queue::AMQPMethod::Unbind(unbind) => {
                let (queue, exchange) = (unbind.queue.as_str(), unbind.exchange.as_str());
                let name = self.vhost.named_queue(id, channel, queue)?;
                let key = binding_key(queue, unbind.routing_key.as_str(), &name);
                self.vhost
                    .unbind_queue(id, &name, exchange, key, unbind.arguments)?;
                let ok = queue::AMQPMethod::UnbindOk(queue::UnbindOk {});
                (ok, false)
            }
            queue::AMQPMethod::Purge(purge) => {
                let name = self.vhost.named_queue(id, channel, purge.queue.as_str())?;
                let message_count = self.vhost.purge_queue(id, &name)?;
                let ok = queue::AMQPMethod::PurgeOk(queue::PurgeOk { message_count });
                (ok, purge.nowait)
            }
            queue::AMQPMethod::Delete(delete) => {
                let name = self.vhost.named_queue(id, channel, delete.queue.as_str())?;
                let found =
                    self.vhost
                        .deletable_queue(id, &name, delete.if_unused, delete.if_empty)?;
                if !delete.nowait {
                    let message_count = found.map_or(0, |(_, messages)| messages);
                    let ok = queue::AMQPMethod::DeleteOk(queue::DeleteOk { message_count });
                    self.answer(AMQPClass::Queue(ok));
                }
                if let Some((queue, _)) = found {
                    self.vhost.delete_queue(queue);
                }
                return Ok(());
            }
            _ => return Err(unexpected()),
        };
        if !nowait {
            self.answer(AMQPClass::Queue(ok));
        }
        Ok(())
    }

    fn basic(&mut self, method: basic::AMQPMethod) -> Result<(), Refusal> {
        let (id, channel) = (self.connection, self.channel);
        match method {
            basic::AMQPMethod::Qos(qos) => {
                if let Some(size) = prefetch_size(self.payload).filter(|size| *size != 0) {
                    return Err(Refusal::not_implemented(format!(
                        "prefetch_size!=0 ({size})"
                    )));
                }
                self.answer_basic(basic::AMQPMethod::QosOk(basic::QosOk {}));
                self.vhost.qos(id, channel, qos.prefetch_count, qos.global);
            }
            basic::AMQPMethod::Consume(consume) => self.consume(&consume)?,
            basic::AMQPMethod::Cancel(cancel) => {
                let queue = self.vhost.cancel(id, channel, cancel.consumer_tag.as_str());
                if !cancel.nowait {
                    self.answer_basic(basic::AMQPMethod::CancelOk(basic::CancelOk {
                        consumer_tag: cancel.consumer_tag,
                    }));
                }
                if let Some(queue) = queue {
                    self.vhost.cancelled(queue);
                }
            }
            basic::AMQPMethod::Get(get) => {
                let name = self.vhost.named_queue(id, channel, get.queue.as_str())?;
                self.vhost.send_confirms(id, channel);
                if !self.vhost.get(id, channel, &name, get.no_ack)? {
                    self.answer_basic(basic::AMQPMethod::GetEmpty(basic::GetEmpty {}));
                }
            }
            basic::AMQPMethod::Ack(method) => {
                ack(
                    self.vhost,
                    id,
                    channel,
                    method.delivery_tag,
                    method.multiple,
                )?;
            }
            basic::AMQPMethod::Nack(nack) => {
                let how = given_up(nack.requeue);
                self.vhost
                    .settle(id, channel, nack.delivery_tag, nack.multiple, how)?;
            }
            basic::AMQPMethod::Reject(reject) => {
                let how = given_up(reject.requeue);
                self.vhost
                    .settle(id, channel, reject.delivery_tag, false, how)?;
            }
            basic::AMQPMethod::Recover(recover) => {
                recoverable(recover.requeue)?;
                self.answer_basic(basic::AMQPMethod::RecoverOk(basic::RecoverOk {}));
                self.vhost.recover(id, channel);
            }
            basic::AMQPMethod::RecoverAsync(recover) => {
                recoverable(recover.requeue)?;
                self.vhost.recover(id, channel);
            }
            _ => return Err(unexpected()),
        }
        Ok(())
    }

    fn answer_basic(&mut self, method: basic::AMQPMethod) {
        self.answer(AMQPClass::Basic(method));
    }

    fn consume(&mut self, consume: &basic::Consume) -> Result<(), Refusal> {
        let (id, channel) = (self.connection, self.channel);
        let queue = self
            .vhost
            .named_queue(id, channel, consume.queue.as_str())?;
        let wanted = Consume {
            queue: &queue,
            tag: consume.consumer_tag.as_str(),
            no_ack: consume.no_ack,
            exclusive: consume.exclusive,
            arguments: &consume.arguments,
        };
        let (tag, queue) = self.vhost.consume(id, channel, &wanted)?;
        if !consume.nowait {
            self.answer_basic(basic::AMQPMethod::ConsumeOk(basic::ConsumeOk {
                consumer_tag: short(&tag).into(),
            }));
        }
        if let Some(queue) = queue {
            self.vhost.serve(queue);
        }
        Ok(())
    }

    fn confirm(&mut self, method: &confirm::AMQPMethod) -> Result<(), Refusal> {
        let confirm::AMQPMethod::Select(select) = method else {
            return Err(unexpected());
        };
        self.vhost.confirm_select(self.connection, self.channel)?;
        if !select.nowait {
            let ok = confirm::AMQPMethod::SelectOk(confirm::SelectOk {});
            self.answer(AMQPClass::Confirm(ok));
        }
        Ok(())
    }

    fn tx(&mut self, method: &tx::AMQPMethod) -> Result<(), Refusal> {
        let (id, channel) = (self.connection, self.channel);
        let ok = match method {
            tx::AMQPMethod::Select(_) => {
                self.vhost.tx_select(id, channel)?;
                tx::AMQPMethod::SelectOk(tx::SelectOk {})
            }
            tx::AMQPMethod::Commit(_) => {
                let mut transaction = self.vhost.transaction(id, channel)?;
                self.vhost.tx_returns(id, channel, &mut transaction);
                // Only what is sure to succeed can be answered before the deliveries.
                let waits = self.vhost.may_be_refused(&transaction);
                let ok = AMQPClass::Tx(tx::AMQPMethod::CommitOk(tx::CommitOk {}));
                if !waits {
                    self.answer(ok.clone());
                }
                let accepted = self.vhost.tx_commit(id, channel, transaction);
                if !accepted {
                    return Err(Refusal::precondition_failed("partial tx completion"));
                }
                if waits {
                    self.answer(ok);
                }
                return Ok(());
            }
            tx::AMQPMethod::Rollback(_) => {
                let transaction = self.vhost.transaction(id, channel)?;
                self.vhost.tx_rollback(id, channel, transaction);
                tx::AMQPMethod::RollbackOk(tx::RollbackOk {})
            }
            _ => return Err(unexpected()),
        };
        self.answer(AMQPClass::Tx(ok));
        Ok(())
    }
}

pub(super) fn second_open() -> Refusal {
    Refusal::channel_error("second 'channel.open' seen")
}

/// A method that only a broker sends.
fn unexpected() -> Refusal {
    Refusal::command_invalid("unimplemented method")
}

fn recoverable(requeue: bool) -> Result<(), Refusal> {
    if requeue {
        Ok(())
    } else {
        Err(Refusal::not_implemented("requeue=false"))
    }
}

fn given_up(requeue: bool) -> Settle {
    if requeue {
        Settle::Requeue
    } else {
        Settle::Reject
    }
}

/// With neither a queue nor a key, both mean the last queue declared (AMQP 0-9-1, `queue.bind`).
fn binding_key<'a>(queue: &str, key: &'a str, name: &'a str) -> &'a str {
    if queue.is_empty() && key.is_empty() {
        name
    } else {
        key
    }
}

/// Two ids of two bytes stand before it.
fn prefetch_size(payload: &Bytes) -> Option<u32> {
    let bytes = payload.get(4..8)?.try_into().ok()?;
    Some(u32::from_be_bytes(bytes))
}
