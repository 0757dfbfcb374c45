// A domain error is not generic.
use leveret::DomainError;

#[derive(DomainError)]
pub enum MathError<T> {
    TooLarge(T),
}

fn main() {}
