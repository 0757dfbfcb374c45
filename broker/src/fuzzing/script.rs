//! From bytes to steps. Names come from a short list, so that things meet; numbers are small; and what a fuzzer finds in
//! its own bytes can also be sent as it is.

mod frames;
mod view;
mod words;

use std::time::Duration;

use bytes::{BufMut, BytesMut};

use super::{CLIENTS, World};
use crate::wire::frame::END;
use view::View;
use words::QUEUES;

/// What happens next, and to which client.
#[derive(Debug)]
pub(super) enum Step {
    Send(usize, BytesMut),
    Read(usize),
    /// The socket is gone; the next time the client is there again.
    Vanish(usize),
    /// A new connection, of which nothing has been heard yet.
    Connect(usize),
    Wait(Duration),
    CloseChannel(usize, u16),
    CloseConnection(usize),
    Cut(usize),
    DeleteQueue(&'static str),
    Disturb(&'static str, u32, u32),
    Alarm(bool),
    Restart(bool),
}

pub(super) struct Script<'a> {
    bytes: &'a [u8],
}

/// More steps than a list of bytes can need to find something.
const MAX_RAW: usize = 1 << 12;

impl<'a> Script<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn next(&mut self, world: &World) -> Option<Step> {
        if self.bytes.is_empty() {
            return None;
        }
        let first = usize::from(self.byte());
        let (who, action) = (first % CLIENTS, first / CLIENTS);
        let view = View::of(world, who);
        Some(match action {
            0..48 => Step::Send(who, self.frames(action, &view)),
            48 => Step::Send(who, self.raw_frame()),
            49 => {
                let length = usize::from(u16::from_be_bytes([self.byte(), self.byte()]));
                Step::Send(who, self.take(length % MAX_RAW).into())
            }
            50..54 => Step::Read(who),
            54 => match self.byte() % 4 {
                0 => Step::Connect(who),
                _ => Step::Vanish(who),
            },
            55..57 => Step::Wait(Duration::from_millis(self.of(&[0, 1, 20, 2000]))),
            57 => match self.byte() % 4 {
                0 => Step::CloseConnection(who),
                1 => Step::Cut(who),
                _ => Step::CloseChannel(who, self.channel()),
            },
            58 => Step::DeleteQueue(self.of(&QUEUES)),
            59 => {
                let counts = self.byte() & 0x33;
                let (lose, duplicate) = (u32::from(counts & 3), u32::from(counts >> 4));
                Step::Disturb(self.of(&QUEUES), lose, duplicate)
            }
            60 => match self.byte() % 16 {
                0 => Step::Restart(true),
                1 => Step::Restart(false),
                2 => Step::Alarm(true),
                _ => Step::Alarm(false),
            },
            _ => Step::Send(who, self.rest_of_body()),
        })
    }

    /// A body of many bytes, which costs the input few.
    fn rest_of_body(&mut self) -> BytesMut {
        let size = usize::from(self.byte()) * 16;
        let mut bytes = BytesMut::new();
        frame(&mut bytes, 3, self.channel(), &vec![b'.'; size]);
        bytes
    }

    /// Payloads of the fuzzer's own in frames that are right.
    fn raw_frame(&mut self) -> BytesMut {
        let kind = self.byte() % 10;
        let channel = self.channel();
        let length = usize::from(self.byte());
        let mut bytes = BytesMut::new();
        frame(&mut bytes, kind, channel, self.take(length));
        bytes
    }

    fn byte(&mut self) -> u8 {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                *first
            }
            None => 0,
        }
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(length.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    fn of<T: Copy>(&mut self, words: &[T]) -> T {
        words[usize::from(self.byte()) % words.len()]
    }

    /// What works, or one time in sixteen what is refused: refusals close a channel or a connection, and then there is not
    /// much more to see.
    fn mostly<T: Copy>(&mut self, good: &[T], bad: &[T]) -> T {
        match self.byte() {
            seldom @ 0xf0.. => bad[usize::from(seldom) % bad.len()],
            often => good[usize::from(often) % good.len()],
        }
    }

    fn channel(&mut self) -> u16 {
        match self.byte() {
            0xff => 0,
            // One more than was agreed on.
            0xfe => 4,
            other => [1, 2, 1, 3][usize::from(other) % 4],
        }
    }

    fn key(&mut self, view: &View<'_>) -> String {
        view.key(self.byte())
    }
}

fn frame(bytes: &mut BytesMut, kind: u8, channel: u16, payload: &[u8]) {
    bytes.put_u8(kind);
    bytes.put_u16(channel);
    bytes.put_u32(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    bytes.put_slice(payload);
    bytes.put_u8(END);
}
