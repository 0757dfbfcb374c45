// Fields of a domain error are serde types.
use leveret::DomainError;

pub struct Point;

#[derive(DomainError)]
pub enum MathError {
    Outside(Point),
    Between { from: Point, to: u32 },
}

impl std::fmt::Display for MathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wrong")
    }
}

fn main() {}
