//! Field tables as bytes: looked through before anything parses them, since parsers recurse.

use crate::error::Refusal;

/// Tables and arrays inside each other.
const MAX_DEPTH: usize = 32;

/// Checks a field table with its length in front: complete, of known types, not too deep, keys in UTF-8.
///
/// # Errors
///
/// 502 for what no client sends.
pub(crate) fn guard(table: &[u8]) -> Result<(), Refusal> {
    let malformed = || Refusal::syntax_error("malformed field table");
    let (length, table) = table.split_first_chunk().ok_or_else(malformed)?;
    if u32::from_be_bytes(*length) as usize != table.len() {
        return Err(malformed());
    }
    // Where each open table or array ends, and whether its items have keys.
    let mut open = [(0, false); MAX_DEPTH];
    open[0] = (table.len(), true);
    let mut depth = 1;
    let mut at = 0;
    while depth > 0 {
        let (end, keys) = open[depth - 1];
        if at == end {
            depth -= 1;
            continue;
        }
        let rest = &table[at..end];
        let mut used = 0;
        if keys {
            used = 1 + usize::from(rest[0]);
            let key = rest.get(1..used).ok_or_else(malformed)?;
            std::str::from_utf8(key).map_err(|_| malformed())?;
        }
        let kind = *rest.get(used).ok_or_else(malformed)?;
        used += 1;
        let prefixed = || {
            let length = rest.get(used..used + 4).ok_or_else(malformed)?;
            let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]);
            Ok::<usize, Refusal>(length as usize)
        };
        let size = match kind {
            b'V' => 0,
            b't' | b'b' | b'B' => 1,
            b's' | b'u' | b'U' => 2,
            b'I' | b'i' | b'f' => 4,
            b'D' => 5,
            b'l' | b'L' | b'd' | b'T' => 8,
            b'S' | b'x' => 4 + prefixed()?,
            b'F' | b'A' => {
                let length = prefixed()?;
                if depth == MAX_DEPTH || rest.len() - used - 4 < length {
                    return Err(malformed());
                }
                at += used + 4;
                open[depth] = (at + length, kind == b'F');
                depth += 1;
                continue;
            }
            _ => return Err(malformed()),
        };
        if rest.len() - used < size {
            return Err(malformed());
        }
        at += used + size;
    }
    Ok(())
}
