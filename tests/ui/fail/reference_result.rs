// Results own their data.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self) -> &'static str;
    async fn g(&self) -> Result<&str, leveret::Error>;
}

fn main() {}
