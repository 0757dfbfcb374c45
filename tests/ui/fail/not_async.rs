// Methods are async, unless blocking.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    fn f(&self, n: u32) -> u32;
}

fn main() {}
