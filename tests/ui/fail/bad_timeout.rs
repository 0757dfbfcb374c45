// A time has a number and a unit.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc(timeout = "soon")]
    async fn a(&self);
    #[rpc(timeout = "0s")]
    async fn b(&self);
    #[rpc(timeout = "1.5s")]
    async fn c(&self);
}

fn main() {}
