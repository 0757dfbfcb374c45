//! What the fuzzers and the property tests drive: several clients of one virtual host, without sockets, who do what a
//! list of bytes says. After every step the state must be sound, and after the last one nothing may be left.

#![cfg_attr(test, allow(unreachable_pub, reason = "public for the fuzzers alone"))]

mod client;
mod script;
mod watcher;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::{Refusal, Scope};
use crate::settings::{Settings, User};
use crate::shared::{Host, Shared};
use crate::vhost::Vhost;
use crate::wire::{header, method, properties::Properties, table};
use client::Client;
use script::{Script, Step};

const CLIENTS: usize = 4;

/// Clients who do what `input` says, one step after the other.
///
/// # Panics
///
/// When the broker is not as it must be.
pub fn sessions(input: &[u8]) {
    let mut world = World::new();
    let mut script = Script::new(input);
    // To see what an input does that has broken something.
    let shown = std::env::var_os("LEVERET_FUZZ_SHOW").is_some();
    while let Some(step) = script.next(&world) {
        if shown {
            eprintln!("{step:?}");
        }
        world.take(step);
        world.check();
    }
    world.end();
}

/// The parsers of what is inside of frames.
///
/// # Panics
///
/// When one accepts what another one cannot read.
pub fn wire(input: &[u8]) {
    let Some((kind, input)) = input.split_first() else {
        return;
    };
    let raw = Bytes::copy_from_slice(input);
    match kind % 4 {
        0 => {
            if table::guard(input).is_ok() {
                let parsed = amq_protocol::types::parsing::parse_field_table(input);
                let (rest, _) = parsed.expect("a table that was let through");
                assert!(rest.is_empty(), "all of it");
            }
        }
        1 => {
            let ids = method::ids(&raw);
            if !method::is_fatal(&raw) {
                let _ = (ids, method::decode(&raw));
            }
        }
        2 => {
            let _ = header::decode(&raw);
        }
        _ => {
            if let Ok(properties) = Properties::parse(raw) {
                check_properties(&properties);
            }
        }
    }
}

fn check_properties(properties: &Properties) {
    let again = Properties::parse(properties.raw().clone()).expect("what was accepted");
    assert_eq!(again.raw(), properties.raw());
    let _ = (properties.has_header("CC"), properties.headers());
    let changed = properties.with_reply_to("somewhere");
    assert_eq!(changed.reply_to(), Some("somewhere"));
    let changed = changed.without_expiration();
    assert_eq!(changed.expiration(), None);
    assert_eq!(changed.user_id(), properties.user_id());
    assert_eq!(changed.priority(), properties.priority());
    if let Some(headers) = properties.headers() {
        let rewritten = properties.with_headers(&headers);
        // Byte by byte: what is not a number is not equal to itself.
        let twice = rewritten
            .headers()
            .map(|headers| rewritten.with_headers(&headers));
        assert_eq!(
            twice.map(|twice| twice.raw().clone()).as_ref(),
            Some(rewritten.raw())
        );
        assert_eq!(rewritten.expiration(), properties.expiration());
    }
}

struct World {
    shared: Arc<Shared>,
    host: Arc<Host>,
    clients: [Option<Client>; CLIENTS],
    numbers: AtomicU64,
}

impl World {
    fn new() -> Self {
        let shared = Shared::new(Settings {
            users: vec![User::guest()],
            // A few large messages, or hundreds of small ones.
            memory_limit: 96 << 10,
            channel_max: 3,
            ..Settings::default()
        });
        let [host] = &shared.hosts()[..] else {
            unreachable!("one virtual host");
        };
        Self {
            host: Arc::clone(host),
            shared,
            clients: Default::default(),
            numbers: AtomicU64::new(1),
        }
    }

    /// A client that is open, unless the script had it otherwise. Who was closed and goes on talking is replaced.
    fn client(&mut self, who: usize) -> &mut Client {
        let (shared, numbers) = (&self.shared, &self.numbers);
        if let Some(client) = &mut self.clients[who]
            && client.is_useless()
        {
            client.read();
            self.clients[who] = None;
        }
        self.clients[who].get_or_insert_with(|| Client::open(shared, numbers))
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Send(who, bytes) => self.client(who).send(&bytes),
            Step::Read(who) => self.client(who).read(),
            Step::Vanish(who) => self.clients[who] = None,
            Step::Connect(who) => {
                self.clients[who] = Some(Client::new(&self.shared, &self.numbers));
            }
            Step::Wait(time) => {
                self.host.expire(Instant::now() + time);
            }
            Step::CloseChannel(who, channel) => {
                let refusal = Refusal {
                    scope: Scope::Channel,
                    code: 406,
                    text: "because".to_owned(),
                    method: (0, 0),
                };
                let handle = self.client(who).handle();
                self.host.run(|vhost| {
                    if let Some(id) = vhost.find(handle) {
                        vhost.force_close_channel(id, channel, &refusal);
                    }
                });
            }
            Step::CloseConnection(who) => {
                let handle = self.client(who).handle();
                self.host.run(|vhost| {
                    if let Some(id) = vhost.find(handle) {
                        vhost.force_close(id, Refusal::connection_forced("because"));
                    }
                });
            }
            Step::Cut(who) => {
                let handle = self.client(who).handle();
                self.host
                    .run(|vhost| vhost.find(handle).map(|id| vhost.cut(id)));
            }
            Step::DeleteQueue(name) => {
                self.host.run(|vhost| vhost.force_delete_queue(name));
            }
            Step::Disturb(name, lose, duplicate) => {
                self.host
                    .run(|vhost| vhost.disturb_queue(name, lose, duplicate));
            }
            Step::Alarm(on) => self.host.run(|vhost| vhost.force_alarm(on)),
            Step::Restart(keep) => self.host.run(|vhost| vhost.restart(keep)),
        }
    }

    /// Lets the connections' tasks do what they were ordered to, and looks at the state.
    fn check(&mut self) {
        for client in self.clients.iter_mut().flatten() {
            client.obey();
        }
        self.host.lock().check();
    }

    fn end(mut self) {
        for client in self.clients.iter_mut().flatten() {
            client.read();
        }
        self.host.run(|vhost| vhost.force_alarm(false));
        self.check();
        self.clients = Default::default();
        let vhost = self.host.lock();
        vhost.check();
        vhost.check_deserted();
        drop(vhost);
        // As a burst of its own: what waits in queues may be all that keeps the memory alarm on.
        self.host.run(Vhost::remove_all_queues);
        self.host.lock().check_emptied();
        self.host.expire(Instant::now() + Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests;
