// A oneway method returns nothing.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc(oneway)]
    async fn f(&self) -> Result<(), leveret::Error>;
}

fn main() {}
