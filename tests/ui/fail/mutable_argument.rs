// Arguments have plain names.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self, mut n: u32) -> u32 { n += 1; n }
}

fn main() {}
