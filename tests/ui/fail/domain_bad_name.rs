// Names have a small alphabet.
use leveret::DomainError;

#[derive(DomainError)]
pub enum MathError {
    #[rpc(name = "too large")]
    TooLarge,
}

impl std::fmt::Display for MathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wrong")
    }
}

fn main() {}
