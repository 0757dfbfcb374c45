// A type that does not exist is reported once.
use leveret::rpc_service;

#[rpc_service(schema)]
pub trait Math {
    async fn f(&self, point: Pint) -> Pointt;
}

fn main() {}
