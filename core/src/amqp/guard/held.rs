//! A frame of which a part has arrived. It is completed to the byte and not beyond, so that nothing but
//! this one frame ever goes through here.

#[derive(Debug, Default)]
pub(super) struct Held {
    /// As long as what is needed; only the front has arrived.
    bytes: Vec<u8>,
    arrived: usize,
    /// How much of a judged frame has been handed out.
    handed_out: Option<usize>,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether what is held may be handed out.
    pub(super) fn is_judged(&self) -> bool {
        self.handed_out.is_some()
    }

    pub(super) fn hold(&mut self, part: &[u8], needed: usize) {
        self.bytes.extend_from_slice(part);
        self.arrived = part.len();
        self.need(needed);
    }

    pub(super) fn need(&mut self, needed: usize) {
        self.bytes.resize(needed, 0);
    }

    /// Where the next bytes go; never empty while anything is held that is not judged.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.arrived..]
    }

    /// Tells that so many bytes have been written to the space; true when all are there.
    pub(super) fn fill(&mut self, length: usize) -> bool {
        self.arrived += length;
        self.arrived == self.bytes.len()
    }

    pub(super) fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// So much at the front is to be handed out.
    pub(super) fn judged(&mut self, kept: usize) {
        self.bytes.truncate(kept);
        self.handed_out = (kept > 0).then_some(0);
    }

    pub(super) fn hand_out(&mut self, buf: &mut [u8]) -> usize {
        let from = self.handed_out.unwrap_or(0);
        let rest = &self.bytes[from..];
        let length = rest.len().min(buf.len());
        buf[..length].copy_from_slice(&rest[..length]);
        if length == rest.len() {
            self.bytes.clear();
            self.handed_out = None;
        } else {
            self.handed_out = Some(from + length);
        }
        length
    }
}
