//! Ports for listeners that must be able to close and come back on the same number.
//!
//! The kernel's own choice (port 0) comes from the ephemeral range, where any outgoing connection may
//! take the number while a listener is down; a client that retries such a port can even connect to
//! itself. So the harness picks below that range.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

const FIRST: u16 = 18_000;
const LAST: u16 = 32_000;

/// A port of 127.0.0.1 that is free now and that the kernel gives to nobody by itself.
#[must_use]
pub fn free_port() -> u16 {
    let span = u64::from(LAST - FIRST);
    (0..1_000)
        .filter_map(|_| u16::try_from(random() % span).ok())
        .map(|offset| FIRST + offset)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("a free port between 18000 and 32000")
}

/// Random enough for names and ports, without a crate for it.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
