// Arguments carry no attributes.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self, #[cfg(unix)] n: u32);
}

fn main() {}
