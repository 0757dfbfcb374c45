//! Bytes in the order they are sent: small ones copied together, large bodies shared with the message.

use std::collections::VecDeque;
use std::collections::vec_deque::IntoIter;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::encode;
use crate::wire::frame::{END, OVERHEAD};

/// Bodies above this are shared, not copied.
const COPIED: usize = 4096;

/// A buffer that grew beyond this is given back once it was written.
const KEPT: usize = 256 << 10;

/// Buffers are made of this size, so that what is written can be used again and nothing is allocated for a message.
const ROOM: usize = 8 << 10;
/// What most messages need before their body.
const SMALL: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// Goes first.
    parts: VecDeque<Bytes>,
    parts_len: usize,
    tail: BytesMut,
}

impl Buffer {
    pub(super) fn len(&self) -> usize {
        self.parts_len + self.tail.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where small things are appended.
    pub(super) fn tail(&mut self) -> &mut BytesMut {
        if self.tail.capacity() - self.tail.len() < SMALL {
            self.tail.reserve(ROOM);
        }
        &mut self.tail
    }

    /// Appends the frames of a body: none where it is empty.
    pub(super) fn body(&mut self, channel: u16, body: &Bytes, frame_max: usize) {
        let most = frame_max - OVERHEAD;
        let mut at = 0;
        while at < body.len() {
            let size = most.min(body.len() - at);
            encode::body_head(&mut self.tail, channel, size);
            if size <= COPIED {
                self.tail.reserve(size + 1);
                self.tail.extend_from_slice(&body[at..at + size]);
            } else {
                self.seal();
                self.push(body.slice(at..at + size));
            }
            self.tail.extend_from_slice(&[END]);
            at += size;
        }
    }

    /// Makes the tail a part.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let sealed = self.tail.split().freeze();
            self.push(sealed);
        }
    }

    fn push(&mut self, part: Bytes) {
        self.parts_len += part.len();
        self.parts.push_back(part);
    }

    /// All that is there, leaving an empty buffer that keeps the room.
    pub(super) fn take(&mut self) -> Self {
        let large = self.tail.len() > KEPT;
        self.seal();
        if large {
            self.tail = BytesMut::new();
        }
        Self {
            parts_len: std::mem::take(&mut self.parts_len),
            parts: std::mem::take(&mut self.parts),
            tail: BytesMut::new(),
        }
    }

    /// Puts back in front what was taken and not written, and the room of what was.
    pub(super) fn restore(&mut self, mut rest: Self) {
        rest.seal();
        self.parts_len += rest.parts_len;
        if self.parts.is_empty() {
            self.parts = rest.parts;
        } else {
            for part in rest.parts.into_iter().rev() {
                self.parts.push_front(part);
            }
        }
    }

    /// Removes `written` bytes from the front of a buffer that was taken.
    pub(super) fn advance(&mut self, mut written: usize) {
        self.parts_len -= written;
        while let Some(first) = self.parts.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.parts.pop_front();
        }
    }

    /// The only part, where it is only one.
    pub(super) fn single(&self) -> Option<&[u8]> {
        match self.parts.len() {
            1 => self.parts.front().map(AsRef::as_ref),
            _ => None,
        }
    }

    /// The first parts, as many as fit.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(&self.parts) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        count
    }

    pub(super) fn into_parts(mut self) -> IntoIter<Bytes> {
        self.seal();
        self.parts.into_iter()
    }
}
