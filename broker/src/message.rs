//! A message as every queue shares it: what was published, byte for byte, and what the broker reads of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::Name;
use crate::wire::properties::Properties;

/// Published once, shared by all queues and connections that it is in.
pub(crate) struct Message {
    pub(crate) exchange: Name,
    pub(crate) routing_key: Name,
    /// The routing key as it came, where that is no text.
    odd_key: Option<Box<[u8]>>,
    /// More keys to route by, from the headers `CC` and `BCC`; consumers see the former only.
    pub(crate) copies: Vec<String>,
    pub(crate) properties: Properties,
    pub(crate) body: Bytes,
    meter: Meter,
}

impl Message {
    pub(crate) fn new(
        meter: &Meter,
        exchange: Name,
        routing_key: Name,
        properties: Properties,
        body: Bytes,
    ) -> Self {
        let message = Self {
            exchange,
            routing_key,
            odd_key: None,
            copies: Vec::new(),
            properties,
            body,
            meter: meter.clone(),
        };
        meter.0.fetch_add(message.weight(), Ordering::Relaxed);
        message
    }

    /// The same message with the routing key as it came, which may be more than its text says.
    pub(crate) fn with_wire_key(mut self, key: &[u8]) -> Self {
        self.odd_key = (key != self.routing_key.as_bytes()).then(|| key.into());
        self
    }

    /// The same message, routed by these keys too.
    pub(crate) fn with_copies(mut self, copies: Vec<String>) -> Self {
        self.copies = copies;
        self
    }

    /// All keys that it is routed by.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let copies = self.copies.iter().map(String::as_str);
        std::iter::once(&*self.routing_key).chain(copies)
    }

    pub(crate) fn wire_key(&self) -> &[u8] {
        self.odd_key
            .as_deref()
            .unwrap_or(self.routing_key.as_bytes())
    }

    /// Bytes of memory, roughly.
    fn weight(&self) -> usize {
        const STRUCTURES: usize = 256;
        STRUCTURES + self.routing_key.len() + self.properties.raw().len() + self.body.len()
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.meter.0.fetch_sub(self.weight(), Ordering::Relaxed);
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("exchange", &self.exchange)
            .field("routing_key", &self.routing_key)
            .field("size", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Counts the memory that all messages of a virtual host take, in bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<AtomicUsize>);

impl Meter {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// For memory that is not in a message.
    pub(crate) fn charge(&self) -> Charge {
        Charge {
            meter: self.clone(),
            bytes: 0,
        }
    }
}

/// Memory of changing size, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    meter: Meter,
    bytes: usize,
}

impl Charge {
    pub(crate) fn set(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.bytes, bytes);
        // Wraps around when it shrinks, and back.
        self.meter
            .0
            .fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}
