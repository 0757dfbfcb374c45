// `rpc` does not depend on features.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[cfg_attr(all(), rpc(oneway))]
    async fn f(&self);
}

fn main() {}
