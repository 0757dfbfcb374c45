// Arguments have plain names.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn pair(&self, (a, b): (u32, u32)) -> u32;
    async fn unnamed(&self, _: u32);
}

fn main() {}
