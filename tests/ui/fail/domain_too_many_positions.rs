// Many fields have names.
use leveret::DomainError;

#[derive(DomainError)]
pub struct Many(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8);

fn main() {}
