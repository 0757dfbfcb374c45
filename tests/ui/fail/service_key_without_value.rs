// A text key has a text.
use leveret::rpc_service;

#[rpc_service(name = 3)]
pub trait Math {
    async fn f(&self);
}

fn main() {}
