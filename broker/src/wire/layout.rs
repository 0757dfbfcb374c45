//! The arguments of every method, one letter each: what makes it possible to tell a method that is unknown from one
//! that is cut off, and to check its tables, before anything is parsed.

use super::table;

/// `o` octet or bits, `s` short, `l` long, `q` long long, `S` short string, `L` long string, `T` table.
pub(crate) fn of(class: u16, method: u16) -> Option<&'static str> {
    Some(match (class, method) {
        (10, 10) => "ooTLL",
        (10, 11) => "TSLS",
        (10, 20 | 21) => "L",
        (10, 30 | 31) => "sls",
        (10, 40) => "SSo",
        (10, 41 | 60) => "S",
        (10, 50) | (20, 40) => "sSss",
        (10, 51 | 61 | 71) => "",
        (10, 70) => "LS",
        (20, 10) => "S",
        (20, 11) => "L",
        (20, 20 | 21) => "o",
        (20, 41) => "",
        (30, 10) => "So",
        (30, 11) => "s",
        (40, 10) => "sSSoT",
        (40, 20) => "sSo",
        (40, 30 | 40) | (50, 20) => "sSSSoT",
        (40, 11 | 21 | 31 | 51) => "",
        (50, 10) => "sSoT",
        (50, 11) => "Sll",
        (50, 30 | 40) => "sSo",
        (50, 31 | 41) => "l",
        (50, 50) => "sSSST",
        (50, 21 | 51) => "",
        (60, 10) => "lso",
        (60, 20) => "sSSoT",
        (60, 21 | 31 | 72) => "S",
        (60, 30) => "So",
        (60, 40) => "sSSo",
        (60, 50) => "sSSS",
        (60, 60) => "SqoSS",
        (60, 70) => "sSo",
        (60, 71) => "qoSSl",
        (60, 80 | 90 | 120) => "qo",
        (60, 100 | 110) => "o",
        (60, 11 | 111) => "",
        (85, 10) => "o",
        (85, 11) => "",
        (90, 10 | 11 | 20 | 21 | 30 | 31) => "",
        _ => return None,
    })
}

/// What is wrong with a method's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Too short or too long.
    Length,
    Utf8,
    Table,
    Depth,
}

/// Checks that `arguments` are exactly what the layout says.
pub(crate) fn check(layout: &str, arguments: &[u8]) -> Result<(), Broken> {
    let mut rest = arguments;
    let mut table = None;
    for letter in layout.bytes() {
        let length = match letter {
            b'o' => 1,
            b's' => 2,
            b'l' => 4,
            b'q' => 8,
            b'S' => {
                let length = usize::from(*rest.first().ok_or(Broken::Length)?);
                let text = rest.get(1..=length).ok_or(Broken::Length)?;
                std::str::from_utf8(text).map_err(|_| Broken::Utf8)?;
                1 + length
            }
            _ => {
                let length = rest.first_chunk::<4>().ok_or(Broken::Length)?;
                let end = 4 + u32::from_be_bytes(*length) as usize;
                let field = rest.get(..end).ok_or(Broken::Length)?;
                if letter == b'T' {
                    table = Some(field);
                }
                end
            }
        };
        rest = rest.get(length..).ok_or(Broken::Length)?;
    }
    if !rest.is_empty() {
        return Err(Broken::Length);
    }
    // No method has more than one; RabbitMQ, too, looks into it last.
    match table.map(table::scan) {
        None | Some(Ok(())) => Ok(()),
        Some(Err(table::Broken::Malformed)) => Err(Broken::Table),
        Some(Err(table::Broken::TooDeep)) => Err(Broken::Depth),
    }
}
