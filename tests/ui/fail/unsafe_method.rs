// Methods are safe.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async unsafe fn f(&self);
}

fn main() {}
