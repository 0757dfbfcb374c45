// Variants have different names on the wire.
use leveret::DomainError;

#[derive(DomainError)]
pub enum MathError {
    TooLarge,
    #[rpc(name = "TooLarge")]
    Huge,
}

impl std::fmt::Display for MathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wrong")
    }
}

fn main() {}
