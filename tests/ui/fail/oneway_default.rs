// A oneway method is not the default.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc(oneway, default)]
    async fn f(&self, n: u32);
}

fn main() {}
