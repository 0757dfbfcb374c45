// There is one context.
use leveret::rpc_service;
use leveret::Context;

#[rpc_service]
pub trait Math {
    async fn f(&self, cx: &Context, again: &Context);
}

fn main() {}
