// The context comes first.
use leveret::rpc_service;
use leveret::Context;

#[rpc_service]
pub trait Math {
    async fn f(&self, n: u32, cx: &Context);
}

fn main() {}
