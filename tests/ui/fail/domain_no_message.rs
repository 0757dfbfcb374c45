// A domain error has a message.
use leveret::DomainError;

#[derive(DomainError)]
pub enum MathError {
    TooLarge,
}

fn main() {}
