// Methods are async, unless blocking.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    fn f(&self, n: u32) -> impl Future<Output = u32> + Send;
}

fn main() {}
