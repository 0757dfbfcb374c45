// Arguments have different names.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self, n: u32, n: u32);
}

fn main() {}
