// The context is leveret's.
use leveret::rpc_service;

pub struct Context;

#[rpc_service]
pub trait Math {
    async fn f(&self, cx: &Context, n: u32) -> u32;
}

fn main() {}
