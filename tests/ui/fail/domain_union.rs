// A domain error is an enum or a struct.
use leveret::DomainError;

#[derive(DomainError)]
pub union MathError {
    n: u32,
}

fn main() {}
