//! Delays by the broker's own means: a queue for each power of two, through which a message falls bit by bit.
//!
//! A delay is counted in tenths of a second. Exchange k gives a message to queue k, which holds it for 2^k tenths, when
//! bit k of the delay is set, and else passes it on to exchange k - 1; so a message rests in as many queues as its delay
//! has bits that are 1, and never behind one that rests longer. The bits are the first words of the routing key.

use std::time::Duration;

use crate::connection::Session;
use crate::error::{Code, Error, Executed};
use crate::post::Declared;
use crate::topology::{Declare, ExchangeKind, QueueOptions};

/// How many queues there are, and words before the target's name in a routing key.
const LEVELS: u32 = 28;
const TENTH: Duration = Duration::from_millis(100);
const LONGEST_TENTHS: u32 = (1 << LEVELS) - 1;
/// 310 days.
pub(crate) const LONGEST_DELAY: Duration = TENTH.saturating_mul(LONGEST_TENTHS);
/// The names of all exchanges and queues here, after the namespace.
const PREFIX: &str = "leveret.delay.";
/// The exchange where a delay is over.
const DONE: &str = "done";

/// The delay queues of one namespace and kind.
#[derive(Clone, Debug)]
pub(crate) struct Delays {
    prefix: String,
    quorum: bool,
    declare: Declare,
}

/// Where a message goes that is to arrive later.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Detour {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) level: u32,
}

/// Whether what has rested comes by this exchange, of whatever namespace and kind: it is the one below the queue that held
/// it last, since a message keeps its exchange when that passes it on to others.
pub(crate) fn arrives_by(exchange: &str) -> bool {
    let Some(at) = exchange.rfind(PREFIX) else {
        return false;
    };
    let level = &exchange[at + PREFIX.len()..];
    let level = level.strip_prefix("q.").unwrap_or(level);
    level == DONE || level.parse::<u32>().is_ok_and(|level| level < LEVELS)
}

/// Whole tenths of a second, rounded up, at least one; none for what is beyond 310 days.
fn tenths(delay: Duration) -> Option<u32> {
    let tenths = delay.as_millis().div_ceil(TENTH.as_millis()).max(1);
    u32::try_from(tenths)
        .ok()
        .filter(|tenths| *tenths <= LONGEST_TENTHS)
}

impl Delays {
    pub(crate) fn new(namespace: &str, quorum: bool, declare: Declare) -> Self {
        let kind = if quorum { "q." } else { "" };
        Self {
            prefix: format!("{namespace}{PREFIX}{kind}"),
            quorum,
            declare,
        }
    }

    pub(crate) fn detour(&self, delay: Duration, target: &str) -> Result<Detour, Error> {
        let tenths = tenths(delay).ok_or_else(|| {
            Error::new(
                Code::InvalidArgument,
                "a delay is at most 310 days; push the task later",
            )
            .with_executed(Executed::No)
        })?;
        let level = tenths.ilog2();
        let mut routing_key = String::with_capacity(2 * LEVELS as usize + target.len());
        for bit in (0..LEVELS).rev() {
            routing_key.push(if tenths >> bit & 1 == 1 { '1' } else { '0' });
            routing_key.push('.');
        }
        routing_key.push_str(target);
        Ok(Detour {
            exchange: self.level(level),
            routing_key,
            level,
        })
    }

    fn level(&self, level: u32) -> String {
        format!("{}{level}", self.prefix)
    }

    fn done(&self) -> String {
        format!("{}{DONE}", self.prefix)
    }

    /// Leads what has rested to the target. A queue that was deleted has lost its bindings, so this belongs to its
    /// declaration, whoever does that and whether he delays anything or not.
    pub(crate) async fn bind(&self, session: &Session, target: &str) -> Result<(), Error> {
        if self.declare != Declare::Create {
            return Ok(());
        }
        let done = self.done();
        self.declare_done(session, &done).await?;
        let key = format!("{}{target}", "*.".repeat(LEVELS as usize));
        let channel = session.consume.channel().await?;
        channel.bind(target, &done, &key).await?;
        channel.close().await;
        Ok(())
    }

    async fn declare_done(&self, session: &Session, done: &str) -> Result<(), Error> {
        if !session.declared.exchanges.has(done) {
            session
                .consume
                .declare_exchange(done, ExchangeKind::Topic, Declare::Create)
                .await?;
            session.declared.exchanges.add(done);
        }
        Ok(())
    }

    /// Makes sure that a message of this level comes down to the end of its delay.
    pub(crate) async fn declare(&self, session: &Session, level: u32) -> Result<(), Error> {
        if self.declare != Declare::Create {
            let (name, kind) = (self.level(level), ExchangeKind::Topic);
            let link = &session.consume;
            return link.declare_exchange(&name, kind, self.declare).await;
        }
        self.declare_done(session, &self.done()).await?;
        // From below, so that what falls into a queue meanwhile can go on from there.
        for level in 0..=level {
            let name = self.level(level);
            if !session.declared.exchanges.has(&name) {
                self.declare_level(session, level, &name).await?;
                session.declared.exchanges.add(&name);
            }
        }
        Ok(())
    }

    /// They may not be there any more.
    pub(crate) fn forget(&self, declared: &Declared, level: u32) {
        declared.exchanges.forget(&self.done());
        for level in 0..=level {
            declared.exchanges.forget(&self.level(level));
        }
    }

    async fn declare_level(&self, session: &Session, level: u32, name: &str) -> Result<(), Error> {
        let link = &session.consume;
        let below = match level.checked_sub(1) {
            Some(below) => self.level(below),
            None => self.done(),
        };
        let mut options = QueueOptions::classic();
        if self.quorum {
            // Else a message is lost that a broker's crash meets between two queues.
            options = QueueOptions::quorum();
            options.dead_letters_at_least_once = true;
        }
        options = options
            .message_ttl(TENTH * (1 << level))
            .dead_letter_exchange(&*below);
        link.declare_exchange(name, ExchangeKind::Topic, Declare::Create)
            .await?;
        link.declare_queue(name, &options).await?;
        let above = "*.".repeat((LEVELS - 1 - level) as usize);
        let channel = link.channel().await?;
        channel.bind(name, name, &format!("{above}1.#")).await?;
        channel
            .bind_exchange(&below, name, &format!("{above}0.#"))
            .await?;
        channel.close().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_written_bit_by_bit() {
        let delays = Delays::new("blue.", false, Declare::Create);
        let detour = delays
            .detour(Duration::from_millis(501), "blue.a.b")
            .unwrap();
        assert_eq!(
            detour,
            Detour {
                exchange: "blue.leveret.delay.2".into(),
                routing_key: format!("{}1.1.0.blue.a.b", "0.".repeat(25)),
                level: 2,
            }
        );
    }

    #[test]
    fn what_has_rested_is_known_by_its_exchange() {
        for exchange in [
            "leveret.delay.done",
            "blue.leveret.delay.q.done",
            "leveret.delay.3",
            "blue.leveret.delay.q.27",
        ] {
            assert!(arrives_by(exchange), "{exchange}");
        }
        for exchange in ["", "done", "leveret.delay.", "leveret.delay.x", "logs"] {
            assert!(!arrives_by(exchange), "{exchange}");
        }
    }

    #[test]
    fn delays_are_rounded_up_and_bounded() {
        assert_eq!(tenths(Duration::ZERO), Some(1));
        assert_eq!(tenths(Duration::from_millis(100)), Some(1));
        assert_eq!(tenths(Duration::from_millis(101)), Some(2));
        assert_eq!(tenths(LONGEST_DELAY), Some(LONGEST_TENTHS));
        assert_eq!(tenths(LONGEST_DELAY + Duration::from_millis(1)), None);
        let refused = Delays::new("", true, Declare::Create)
            .detour(Duration::MAX, "a")
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}
