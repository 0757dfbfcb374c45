// Methods are not generic.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f<'a>(&'a self, n: u32);
}

fn main() {}
