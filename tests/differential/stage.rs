//! What a scenario has: a broker, connections to it, names of its own, and a transcript.

use std::hash::{BuildHasher, Hasher, RandomState};

use amq_protocol::protocol::AMQPClass;
use amq_protocol::types::FieldTable;
use url::Url;

use crate::methods as m;
use crate::peer::Peer;
use crate::transcript::Transcript;

pub(crate) struct Stage {
    url: Url,
    prefix: String,
    names: Vec<String>,
    peers: Vec<Peer>,
    transcript: Transcript,
}

/// What clients commonly announce. Without it RabbitMQ keeps some things to itself.
pub(crate) const CAPABILITIES: [&str; 7] = [
    "authentication_failure_close",
    "basic.nack",
    "connection.blocked",
    "consumer_cancel_notify",
    "exchange_exchange_bindings",
    "per_consumer_qos",
    "publisher_confirms",
];

/// The `client_properties` that announce `capabilities`.
pub(crate) fn client_properties(capabilities: &[&str]) -> FieldTable {
    let mut table = FieldTable::default();
    for capability in capabilities {
        table.insert((*capability).into(), m::boolean(true));
    }
    m::args([("capabilities", m::table(table))])
}

impl Stage {
    fn new(url: &str) -> Self {
        // Of the same length in every run: some texts are cut at 255 bytes.
        let random = RandomState::new().build_hasher().finish();
        let prefix = format!("diff{:08x}.", random & 0xffff_ffff);
        Self {
            url: Url::parse(url).expect("the URL of a broker"),
            transcript: Transcript::new(&prefix),
            prefix,
            names: Vec::new(),
            peers: Vec::new(),
        }
    }

    /// Plays a scenario and returns its transcript.
    pub(crate) fn play(url: &str, scenario: fn(&mut Self)) -> Vec<String> {
        let mut stage = Self::new(url);
        scenario(&mut stage);
        for peer in &stage.peers {
            peer.sync_all();
        }
        for peer in &stage.peers {
            peer.close_quietly();
        }
        let lines = stage.transcript.lines();
        stage.clean_up();
        lines
    }

    /// A name for a queue or exchange: unique on the broker, `name` in the transcript.
    pub(crate) fn name(&mut self, name: &str) -> String {
        let name = format!("{}{name}", self.prefix);
        self.names.push(name.clone());
        name
    }

    /// Such a name, `length` bytes long.
    pub(crate) fn long_name(&mut self, length: usize) -> String {
        let name = "n".repeat(length - self.prefix.len());
        self.name(&name)
    }

    /// A TCP connection on which nothing has been said yet.
    pub(crate) fn dial(&mut self) -> Peer {
        let label = char::from(b'A' + u8::try_from(self.peers.len()).expect("few connections"));
        let peer = Peer::dial(&self.address(), label, self.transcript.clone());
        self.peers.push(peer.clone());
        peer
    }

    /// A connection with channel 1 open.
    pub(crate) fn connect(&mut self) -> Peer {
        self.connect_as(&CAPABILITIES, 0, 131_072)
    }

    /// A connection of a client that announces `capabilities`, with channel 1 open.
    pub(crate) fn connect_as(
        &mut self,
        capabilities: &[&str],
        channel_max: u16,
        frame_max: u32,
    ) -> Peer {
        let peer = self.dial();
        let channel_max = if channel_max == 0 { 2047 } else { channel_max };
        peer.log_in(
            &self.login(),
            client_properties(capabilities),
            m::tune_ok(channel_max, frame_max, 0),
        );
        peer.open(1);
        peer
    }

    /// Calls each method, on a fresh channel or connection where the one before cost it.
    pub(crate) fn each<const N: usize>(&mut self, methods: [AMQPClass; N]) -> Peer {
        let mut peer = self.connect();
        for method in methods {
            if peer.is_gone() {
                peer = self.connect();
            } else if !peer.is_open(1) {
                peer.open(1);
            }
            peer.call(1, &method);
        }
        peer
    }

    /// The answer of the mechanism PLAIN.
    pub(crate) fn login(&self) -> Vec<u8> {
        let password = self.url.password().unwrap_or("guest");
        let user = match self.url.username() {
            "" => "guest",
            user => user,
        };
        format!("\0{user}\0{password}").into_bytes()
    }

    fn address(&self) -> String {
        let host = self.url.host_str().expect("a host");
        format!("{host}:{}", self.url.port().unwrap_or(5672))
    }

    fn clean_up(&mut self) {
        if self.names.is_empty() {
            return;
        }
        let names = std::mem::take(&mut self.names);
        self.transcript = Transcript::new(&self.prefix);
        let peer = self.connect();
        for name in names.iter().filter(|name| name.len() < 256) {
            for method in [m::delete(name, ""), m::exchange_delete(name, "")] {
                peer.call(1, &method);
                if peer.is_gone() {
                    return;
                }
                if !peer.is_open(1) {
                    peer.open(1);
                }
            }
        }
        peer.close_quietly();
    }
}
