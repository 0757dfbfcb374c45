// A domain error has variants.
use leveret::DomainError;

#[derive(DomainError)]
pub enum MathError {}

fn main() {}
