// A `Result` names both types.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self) -> std::io::Result<u32>;
    async fn g(&self) -> std::fmt::Result;
}

fn main() {}
