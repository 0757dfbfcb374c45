// Methods are not generic.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f<T>(&self, n: T) -> T;
}

fn main() {}
