// The context is shared.
use leveret::rpc_service;
use leveret::Context;

#[rpc_service]
pub trait Math {
    async fn f(&self, cx: &mut Context);
}

fn main() {}
