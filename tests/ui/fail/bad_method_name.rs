// Names have a small alphabet.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc(name = "with space")]
    async fn a(&self);
    #[rpc(name = "")]
    async fn b(&self);
    async fn größe(&self);
}

fn main() {}
