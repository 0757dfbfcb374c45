//! The queues of one task queue: itself or its partitions, its dead letters, and where suspects are run alone.

use std::borrow::Cow;
use std::time::Duration;

use super::QueueSpec;
use super::delay::Delays;
use crate::client::LONGEST;
use crate::connection::Session;
use crate::error::{Code, Error, Executed};
use crate::partition;
use crate::post::Place;
use crate::topology::{QueueKind, QueueOptions};
use crate::wire;

/// Of a queue, in bytes: in the routing key of a delay there is no room for more.
pub(crate) const LONGEST_NAME: usize = 190;

const DEAD: &str = ".dead";
const SUSPECT: &str = ".suspect";

impl QueueSpec {
    /// The names of a queue and of those that belong to it.
    pub(crate) fn names(&self, namespace: &str) -> Result<Names, Error> {
        // As long as the queue of a durable subscription may be: its dead letters are looked at by its name.
        let longest = LONGEST_NAME.saturating_sub(namespace.len());
        if is_beside(&self.name) || !wire::is_name_within(&self.name, longest) {
            return Err(Error::new(
                Code::InvalidArgument,
                format!(
                    "{:?} is no name for a queue of tasks: 1 to {longest} of A-Z a-z 0-9 _ . -, not amq.* or leveret.*, and not \
                     *.dead, *.suspect, *.members, or *.p and a number, alone or with .lock or .marks",
                    self.name
                ),
            )
            .with_executed(Executed::No));
        }
        let window = self.dedup_window;
        if window < Duration::from_millis(1) || window > LONGEST {
            return Err(Error::new(
                Code::InvalidArgument,
                "a de-duplication window (dedup_window) is 1 ms to 10 years long",
            )
            .with_executed(Executed::No));
        }
        self.options.check()?;
        let mut names = Names::new(namespace, &self.name, &self.options);
        names.partitions = self.partitions.map(partition::check).transpose()?;
        Ok(names)
    }
}

/// Whether a queue of this name would belong to another one.
pub(crate) fn is_beside(name: &str) -> bool {
    let last = |start: &str| name.rfind(start).map(|at| &name[at..]);
    name.ends_with(DEAD)
        || name.ends_with(SUSPECT)
        || [last(".p"), last(".members")]
            .into_iter()
            .flatten()
            .any(partition::is_suffix)
}

/// A queue whose messages are tried several times, and the queues beside it.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) queue: String,
    /// Where what cannot be done ends.
    pub(crate) dead: String,
    /// Where what may have ended its worker is run alone.
    pub(crate) suspect: String,
    /// By which what rests comes back.
    pub(crate) delays: Delays,
    pub(crate) partitions: Option<u16>,
    options: QueueOptions,
}

impl Names {
    pub(crate) fn new(namespace: &str, name: &str, options: &QueueOptions) -> Self {
        let queue = format!("{namespace}{name}");
        let quorum = options.kind == QueueKind::Quorum;
        let delays = Delays::new(namespace, quorum, options.declare);
        let (dead, suspect) = (format!("{queue}{DEAD}"), format!("{queue}{SUSPECT}"));
        let mut options = options.clone();
        // What the broker itself removes, by age or by a foreign consumer's refusal, ends there too.
        if options.dead_letter_exchange.is_none() && options.dead_letter_routing_key.is_none() {
            options = options
                .dead_letter_exchange("")
                .dead_letter_routing_key(dead.clone());
        }
        options.refused_are_dead_letters = true;
        options.no_delivery_limit = true;
        Self {
            queue,
            dead,
            suspect,
            delays,
            partitions: None,
            options,
        }
    }

    pub(crate) fn options(&self) -> &QueueOptions {
        &self.options
    }

    /// Of the queues beside it, only the kind and who declares them are as for the queue.
    pub(crate) fn beside(&self) -> QueueOptions {
        let options = match self.options.kind {
            QueueKind::Classic => QueueOptions::classic(),
            QueueKind::Quorum => QueueOptions::quorum(),
        };
        let mut options = options.declare(self.options.declare);
        options.no_delivery_limit = true;
        options
    }

    pub(crate) fn partition(&self, partition: u16) -> String {
        partition::queue(&self.queue, partition)
    }

    /// The queue in which a partition's owners mark what they run.
    pub(crate) fn marks(&self, partition: u16) -> String {
        format!("{}.marks", self.partition(partition))
    }

    /// Where tasks with this key are pushed.
    pub(crate) fn target(&self, key: Option<&str>) -> Result<Cow<'_, str>, Error> {
        let wrong = |what: &str| {
            let message = format!("`{}` {what}", self.queue);
            Err(Error::new(Code::InvalidArgument, message).with_executed(Executed::No))
        };
        match (self.partitions, key) {
            (None, None) => Ok(Cow::Borrowed(&self.queue)),
            (Some(count), Some(key)) => Ok(Cow::Owned(self.partition(partition::of(key, count)))),
            (None, Some(_)) => {
                wrong("is not ordered by key: declare it with partitions, or push without a key")
            }
            (Some(_), None) => wrong("is ordered by key: push with `key`"),
        }
    }

    /// Nobody has declared them.
    pub(crate) fn missing(&self) -> Error {
        Error::new(
            Code::NoSuchService,
            format!(
                "there is no queue `{}`: nothing was pushed to it and no worker was started",
                self.queue
            ),
        )
        .with_executed(Executed::No)
    }

    /// All queues in which tasks wait.
    pub(crate) fn all(&self) -> Vec<String> {
        match self.partitions {
            None => vec![self.queue.clone()],
            Some(count) => (0..count).map(|number| self.partition(number)).collect(),
        }
    }

    pub(crate) async fn declare_dead(&self, session: &Session) -> Result<(), Error> {
        let link = &session.consume;
        link.declare_queue(&self.dead, &self.beside()).await
    }

    /// The dead-letter queue first: what the broker cannot route there it drops.
    pub(crate) async fn declare_for(&self, session: &Session, target: &str) -> Result<(), Error> {
        self.declare_dead(session).await?;
        let link = &session.consume;
        if self.partitions.is_none() {
            link.declare_queue(&self.suspect, &self.beside()).await?;
        }
        if target == self.dead || target == self.suspect {
            return Ok(());
        }
        link.declare_queue(target, &self.options).await?;
        self.delays.bind(session, target).await
    }
}

/// One of the queues, to be pushed to.
pub(crate) struct Target<'a> {
    pub(crate) names: &'a Names,
    pub(crate) queue: &'a str,
}

impl Place for Target<'_> {
    async fn declare(&self, session: &Session) -> Result<(), Error> {
        self.names.declare_for(session, self.queue).await
    }

    fn name(&self) -> &str {
        self.queue
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::tasks::TaskQueue;

    #[test]
    fn names_that_belong_to_other_queues_are_refused() {
        #[derive(Deserialize)]
        struct Vector {
            name: String,
            allowed: bool,
        }

        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/wire/names.json");
        let text = std::fs::read_to_string(file).expect("the golden file");
        let vectors: Vec<Vector> = serde_json::from_str(&text).expect("vectors");
        assert!(!vectors.is_empty());
        for Vector { name, allowed } in vectors {
            let named = TaskQueue::<()>::new(&*name).spec.names("");
            let refused = named.err().map(|error| error.code());
            let expected = (!allowed).then_some(Code::InvalidArgument);
            assert_eq!(refused, expected, "{name}");
        }
        let names = TaskQueue::<()>::new("a").spec.names("blue.").unwrap();
        assert_eq!(
            [names.queue, names.dead, names.suspect],
            ["blue.a", "blue.a.dead", "blue.a.suspect"]
        );
    }

    #[test]
    fn a_key_is_wanted_where_there_are_partitions_and_nowhere_else() {
        let plain = TaskQueue::<()>::new("a").spec.names("").unwrap();
        assert_eq!(plain.target(None).unwrap(), "a");
        assert_eq!(
            plain.target(Some("k")).unwrap_err().code(),
            Code::InvalidArgument
        );
        let keyed = TaskQueue::<()>::new("a").keyed(8).spec.names("").unwrap();
        assert_eq!(
            keyed.target(None).unwrap_err().code(),
            Code::InvalidArgument
        );
        assert_eq!(keyed.target(Some("item-7")).unwrap(), "a.p4");
        assert_eq!(keyed.all().len(), 8);
    }
}
