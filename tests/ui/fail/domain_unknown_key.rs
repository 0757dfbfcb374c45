// The keys of `#[rpc]` are known.
use leveret::DomainError;

#[derive(DomainError)]
#[rpc(name = "math")]
pub enum MathError {
    #[rpc(code = "Aborted")]
    TooLarge,
    Negative {
        #[rpc(name = "m")]
        n: i64,
    },
}

impl std::fmt::Display for MathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wrong")
    }
}

fn main() {}
