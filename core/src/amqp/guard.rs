//! Looks at what comes in before lapin does. Whoever may write to a queue chooses the properties of its
//! messages, and lapin gives the connection up over a property that it cannot parse and aborts the process
//! over one that is nested deep enough; redelivered, the same message then ends the next instance.
//!
//! A content header that lapin would not survive becomes one without properties, which the layers above
//! take for a message that is no request and no reply. Text of the broker's own frames that is not UTF-8
//! is patched. All else passes untouched: bytes stay where they were read, the guard jumps from frame to
//! frame over them, and only a frame whose end has not arrived yet is copied aside.

mod content;
mod held;
mod method;
#[cfg(test)]
mod tests;

use std::io;
use std::task::{Poll, ready};

use held::Held;

/// Type, channel and size.
const HEAD: usize = 7;
/// What a frame has besides its payload: the head, and the byte that ends it.
const OVERHEAD: u64 = 8;
const END: u8 = 0xCE;
/// A whole content header frame without properties.
const BARE: usize = 22;
/// RabbitMQ accepts no lower limit for frames, and it leaves room for every method.
const LEAST_LIMIT: u32 = 4_096;

const METHOD: u8 = 1;
const CONTENT_HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

#[derive(Debug)]
pub(super) struct Guard {
    /// lapin gives the connection up over a frame that is larger, and so the guard holds no more than this.
    limit: u64,
    /// So much of what comes next has been judged and passes.
    pass: u64,
    /// So much of what comes after that belongs to a frame that has been replaced.
    drop: u64,
    held: Held,
    /// Content headers that lapin never saw.
    replaced: u64,
}

/// What the guard made of a piece of the stream.
#[derive(Clone, Copy, Debug)]
struct Filtered {
    /// This many bytes at the front are lapin's.
    kept: usize,
    /// What begins here is a frame that cannot be judged yet.
    judged: usize,
}

impl Guard {
    /// `frame_max` is what is asked of the broker; 0 asks for no limit. The broker may want less.
    pub(super) fn new(frame_max: u32) -> Self {
        let limit = if frame_max == 0 {
            super::link::FRAME_MAX
        } else {
            frame_max.max(LEAST_LIMIT)
        };
        Self {
            limit: limit.into(),
            pass: 0,
            drop: 0,
            held: Held::default(),
            replaced: 0,
        }
    }

    /// Fills `buf` with what lapin may see. `read` reads from the socket; that it was pending is reported only
    /// when it was, so the wake-up is the socket's, and 0 only for the socket's own end.
    pub(super) fn poll_read(
        &mut self,
        buf: &mut [u8],
        mut read: impl FnMut(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.held.is_judged() {
                return Poll::Ready(Ok(self.held.hand_out(buf)));
            }
            if self.held.is_empty() {
                let length = ready!(read(buf))?;
                let filtered = self.filter(&mut buf[..length]);
                if filtered.judged < length {
                    let rest = &buf[filtered.judged..length];
                    self.held.hold(rest, self.needed(rest));
                }
                if filtered.kept > 0 || length == 0 {
                    return Poll::Ready(Ok(filtered.kept));
                }
            } else {
                let length = ready!(read(self.held.space()))?;
                if length == 0 {
                    // The rest of this frame will never come, and half a frame is of no use to lapin.
                    return Poll::Ready(Ok(0));
                }
                if self.held.fill(length) {
                    self.judge_held();
                }
            }
        }
    }

    fn judge_held(&mut self) {
        let mut held = std::mem::take(&mut self.held);
        let filtered = self.filter(held.bytes());
        if filtered.judged == 0 {
            // It was the head that was missing, and now it says how much more there is to wait for.
            let needed = self.needed(held.bytes());
            held.need(needed);
        } else {
            held.judged(filtered.kept);
        }
        self.held = held;
    }

    /// Moves what lapin may see to the front.
    fn filter(&mut self, buf: &mut [u8]) -> Filtered {
        let mut at = 0;
        // What lies between these two is to be overwritten.
        let (mut kept, mut resume) = (0, 0);
        let mut keep = |buf: &mut [u8], from: usize, to: usize| {
            if kept < from {
                buf.copy_within(from..to, kept);
            }
            kept += to - from;
            kept
        };
        loop {
            at += advance(&mut self.pass, buf.len() - at);
            if self.drop > 0 && self.pass == 0 {
                keep(buf, resume, at);
                at += advance(&mut self.drop, buf.len() - at);
                resume = at;
            }
            let rest = &mut buf[at..];
            let needed = self.needed(rest);
            match rest.get_mut(..needed) {
                Some(frame) => self.judge(frame),
                None => break,
            }
        }
        Filtered {
            kept: keep(buf, resume, at),
            judged: at,
        }
    }

    /// How much of the frame that begins here has to be there before it can be judged.
    fn needed(&self, bytes: &[u8]) -> usize {
        let Some((kind @ (METHOD | CONTENT_HEADER), total)) = head(bytes) else {
            return HEAD;
        };
        match usize::try_from(total) {
            Ok(total) if total as u64 <= self.limit => total,
            _ if kind == CONTENT_HEADER => BARE,
            _ => HEAD,
        }
    }

    /// Decides what becomes of a frame of which the needed part is here.
    fn judge(&mut self, frame: &mut [u8]) {
        let Some((kind, total)) = head(frame) else {
            return;
        };
        self.pass = total;
        let payload = HEAD..frame.len().saturating_sub(1);
        match kind {
            BODY => {}
            CONTENT_HEADER if total > self.limit => {
                // The broker adds to headers, and does not mind when that makes them too large.
                self.replace(frame, total, "larger than a frame may be");
            }
            // A frame without its end is no publisher's doing; lapin will say so.
            CONTENT_HEADER if frame.last() == Some(&END) => {
                if let Err(flaw) = content::check(&frame[payload]) {
                    self.replace(frame, total, flaw);
                }
            }
            METHOD if total <= self.limit => {
                if let Some(frame_max) = method::tuned(&frame[payload.clone()]) {
                    self.limit = self.limit.min(frame_max.max(LEAST_LIMIT).into());
                }
                method::clean(&mut frame[payload]);
            }
            METHOD | CONTENT_HEADER | HEARTBEAT => {}
            // This is not AMQP, and nobody knows where its next frame would begin.
            _ => self.pass = u64::MAX,
        }
    }

    fn replace(&mut self, frame: &mut [u8], total: u64, flaw: &str) {
        let Some(bare) = frame.first_chunk_mut::<BARE>() else {
            // Nor is one that lacks what the broker itself writes.
            return;
        };
        // Channel, class, weight and body size stay.
        bare[3..HEAD].copy_from_slice(&[0, 0, 0, 14]);
        bare[19..].copy_from_slice(&[0, 0, END]);
        self.pass = BARE as u64;
        self.drop = total - self.pass;
        self.replaced += 1;
        let channel = u16::from_be_bytes([bare[1], bare[2]]);
        tracing::warn!(
            channel,
            flaw,
            replaced = self.replaced,
            "a message came whose properties cannot be read; it counts as one without any"
        );
    }
}

/// A frame's type and its whole length, once its head is here.
fn head(bytes: &[u8]) -> Option<(u8, u64)> {
    let [kind, _, _, size @ ..] = bytes.first_chunk::<HEAD>()?;
    Some((*kind, u64::from(u32::from_be_bytes(*size)) + OVERHEAD))
}

/// Takes from `left` what of it lies in the next `here` bytes.
fn advance(left: &mut u64, here: usize) -> usize {
    let step = usize::try_from(*left).map_or(here, |left| left.min(here));
    *left -= step as u64;
    step
}
