//! Transactions (`tx`): publishes and settlements of a channel that take effect together, or not at all.

use super::publish::Checked;
use super::settle::{Settle, Taken};
use super::unacked::Delivered;
use super::{ConnectionId, Vhost};
use crate::error::Refusal;

#[derive(Debug, Default)]
pub(crate) struct Transaction {
    pub(super) publishes: Vec<Checked>,
    pub(super) settled: Vec<(Taken, Settle)>,
}

impl Transaction {
    /// What its settlements have taken, for giving it back.
    pub(super) fn into_taken(self) -> impl Iterator<Item = (u64, Delivered)> {
        self.settled.into_iter().flat_map(|(taken, _)| taken)
    }
}

impl Vhost {
    /// # Errors
    ///
    /// 406 on a channel with publisher confirms.
    pub(crate) fn tx_select(&mut self, id: ConnectionId, channel: u16) -> Result<(), Refusal> {
        let Some(holder) = self.channel_mut(id, channel) else {
            return Ok(());
        };
        if holder.confirms.is_some() {
            return Err(Refusal::precondition_failed(
                "cannot switch from confirm to tx mode",
            ));
        }
        holder.transaction.get_or_insert_default();
        Ok(())
    }

    /// Turns publisher confirms on.
    ///
    /// # Errors
    ///
    /// 406 on a channel with a transaction.
    pub(crate) fn confirm_select(&mut self, id: ConnectionId, channel: u16) -> Result<(), Refusal> {
        let Some(holder) = self.channel_mut(id, channel) else {
            return Ok(());
        };
        if holder.transaction.is_some() {
            return Err(Refusal::precondition_failed(
                "cannot switch from tx to confirm mode",
            ));
        }
        holder.confirms.get_or_insert_default();
        Ok(())
    }

    /// Sends the messages back that no queue takes, which a commit does before it is answered.
    pub(crate) fn tx_returns(
        &mut self,
        id: ConnectionId,
        channel: u16,
        transaction: &mut Transaction,
    ) {
        for publish in &mut transaction.publishes {
            self.return_unroutable(id, channel, publish);
        }
    }

    /// Whether a message may go to a queue that refuses what is too much.
    pub(crate) fn may_be_refused(&self, transaction: &Transaction) -> bool {
        let publishes = &transaction.publishes;
        publishes.iter().any(|publish| self.may_refuse(publish))
    }

    /// False when a queue refused a message; everything else is done all the same.
    pub(crate) fn tx_commit(&mut self, id: ConnectionId, channel: u16, done: Transaction) -> bool {
        let mut accepted = true;
        for publish in done.publishes {
            accepted &= self.publish_checked(id, channel, publish);
        }
        for (taken, how) in done.settled {
            self.settle_taken(id, channel, taken, how);
        }
        self.route_dead_letters();
        accepted
    }

    pub(crate) fn tx_rollback(&mut self, id: ConnectionId, channel: u16, undone: Transaction) {
        if let Some(holder) = self.channel_mut(id, channel) {
            holder.unacked.restore(undone.into_taken());
        }
    }

    /// Takes what the transaction holds, and begins the next one.
    ///
    /// # Errors
    ///
    /// 406 on a channel without a transaction.
    pub(crate) fn transaction(
        &mut self,
        id: ConnectionId,
        channel: u16,
    ) -> Result<Transaction, Refusal> {
        self.channel_mut(id, channel)
            .and_then(|holder| holder.transaction.as_mut())
            .map(std::mem::take)
            .ok_or_else(|| Refusal::precondition_failed("channel is not transactional"))
    }
}
