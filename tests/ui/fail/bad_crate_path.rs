// `crate` is a path.
use leveret::rpc_service;

#[rpc_service(crate = "not a path")]
pub trait Math {
    async fn f(&self);
}

fn main() {}
