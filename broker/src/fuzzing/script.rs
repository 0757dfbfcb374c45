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

/// What comes before bytes that are sent as they are: few scripts shall end in noise.
const RAW: u8 = 0xa5;
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
            48 if self.byte() > 0xe0 => Step::Send(who, self.raw_frame()),
            49 if self.byte() == RAW => {
                let length = usize::from(u16::from_be_bytes([self.byte(), self.byte()]));
                Step::Send(who, self.take(length % MAX_RAW).into())
            }
            48 | 49 => Step::Send(who, self.frames(action, &view)),
            50..54 => Step::Read(who),
            54 => match self.byte() % 8 {
                0 => Step::Connect(who),
                1..3 => Step::Vanish(who),
                _ => Step::Read(who),
            },
            55..57 => Step::Wait(Duration::from_millis(
                self.of(&[0, 1, 1, 1, 20, 20, 20, 2000]),
            )),
            57 => match self.byte() % 16 {
                0 => Step::CloseConnection(who),
                1 => Step::Cut(who),
                2..9 => Step::Read(who),
                _ => Step::CloseChannel(who, self.channel()),
            },
            58 => Step::DeleteQueue(self.of(&QUEUES)),
            59 => {
                let counts = self.byte() & 0x33;
                let (lose, duplicate) = (u32::from(counts & 3), u32::from(counts >> 4));
                Step::Disturb(self.of(&QUEUES), lose, duplicate)
            }
            60 => match self.byte() {
                0..2 => Step::Restart(true),
                2..4 => Step::Restart(false),
                4..32 => Step::Alarm(true),
                _ => Step::Alarm(false),
            },
            _ => Step::Send(who, self.part_of_body(&view)),
        })
    }

    /// Some of what is to come, or now and then what is not.
    fn part_of_body(&mut self, view: &View<'_>) -> BytesMut {
        let (channel, size) = (self.channel(), self.byte());
        let size = match (view.missing(channel), size) {
            (0, ..0xf0) => return self.frames(1, view),
            (_, 0xf0..) => usize::from(size),
            (missing, _) => missing.min(usize::from(size) * 16),
        };
        let mut bytes = BytesMut::new();
        frame(&mut bytes, 3, channel, &vec![b'.'; size]);
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

pub(super) fn frame(bytes: &mut BytesMut, kind: u8, channel: u16, payload: &[u8]) {
    bytes.put_u8(kind);
    bytes.put_u16(channel);
    bytes.put_u32(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    bytes.put_slice(payload);
    bytes.put_u8(END);
}
