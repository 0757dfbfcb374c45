// Methods have no ABI.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async extern "C" fn f(&self);
}

fn main() {}
