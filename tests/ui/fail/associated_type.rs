// A service has only methods.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    type Item;
    const N: u32;
    async fn f(&self);
}

fn main() {}
