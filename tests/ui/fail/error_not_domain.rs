// Errors are domain errors.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self) -> Result<u32, String>;
}

fn main() {}
