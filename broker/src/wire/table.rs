//! Checks a field table before amq-protocol parses it: that parser recurses once a level and without a limit, so a
//! few kilobytes of nested tables would overflow the stack and end the process.

use smallvec::{SmallVec, smallvec};

use crate::error::Refusal;

/// Deeper than any header of a real message.
const MAX_DEPTH: usize = 32;

/// Whether a table with its length in front fills `bytes`. Nothing more: the broker passes headers on that it could not
/// parse itself, as RabbitMQ does, however deep they are and whatever their names.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    scan_to(bytes, usize::MAX, |_| true).is_ok()
}

/// Checks a table with its length in front, which must fill `bytes`.
pub(crate) fn guard(bytes: &[u8]) -> Result<(), Refusal> {
    scan(bytes).map_err(Broken::refusal)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Malformed,
    TooDeep,
}

impl Broken {
    pub(crate) fn refusal(self) -> Refusal {
        Refusal::syntax_error(match self {
            Self::Malformed => "malformed field table".to_owned(),
            Self::TooDeep => format!("field table nested deeper than {MAX_DEPTH} levels"),
        })
    }
}

/// [`guard`], with the reason told apart.
pub(crate) fn scan(bytes: &[u8]) -> Result<(), Broken> {
    scan_to(bytes, MAX_DEPTH, |name| std::str::from_utf8(name).is_ok())
}

fn scan_to(bytes: &[u8], max_depth: usize, is_name: impl Fn(&[u8]) -> bool) -> Result<(), Broken> {
    let mut scan = Scan { bytes, at: 0 };
    let end = scan.container()?;
    if end != bytes.len() {
        return Err(Broken::Malformed);
    }
    // Where each table or array that is open ends, and whether its entries have names.
    let mut open: SmallVec<[(usize, bool); 8]> = smallvec![(end, true)];
    while let Some(&(end, named)) = open.last() {
        if scan.at == end {
            open.pop();
            continue;
        }
        if named {
            let length = usize::from(scan.octet()?);
            if !is_name(scan.take(length)?) {
                return Err(Broken::Malformed);
            }
        }
        let fixed = match scan.octet()? {
            b'V' => 0,
            b't' | b'b' | b'B' => 1,
            b's' | b'u' => 2,
            b'I' | b'i' | b'f' => 4,
            b'D' => 5,
            b'L' | b'l' | b'd' | b'T' => 8,
            b'S' | b'x' => scan.length()?,
            letter @ (b'F' | b'A') => {
                let inner = scan.container()?;
                if inner > end {
                    return Err(Broken::Malformed);
                }
                if open.len() == max_depth {
                    return Err(Broken::TooDeep);
                }
                open.push((inner, letter == b'F'));
                continue;
            }
            _ => return Err(Broken::Malformed),
        };
        scan.take(fixed)?;
        if scan.at > end {
            return Err(Broken::Malformed);
        }
    }
    Ok(())
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Broken> {
        let end = self.at.checked_add(length).ok_or(Broken::Malformed)?;
        let taken = self.bytes.get(self.at..end).ok_or(Broken::Malformed)?;
        self.at = end;
        Ok(taken)
    }

    fn octet(&mut self) -> Result<u8, Broken> {
        self.take(1).map(|octet| octet[0])
    }

    fn length(&mut self) -> Result<usize, Broken> {
        let octets = self.take(4)?;
        let length = octets.try_into().map_err(|_| Broken::Malformed)?;
        Ok(u32::from_be_bytes(length) as usize)
    }

    /// Reads the length of a table or an array: where it ends.
    fn container(&mut self) -> Result<usize, Broken> {
        let length = self.length()?;
        let end = self.at.checked_add(length).ok_or(Broken::Malformed)?;
        if end > self.bytes.len() {
            return Err(Broken::Malformed);
        }
        Ok(end)
    }
}

#[cfg(test)]
mod tests;
