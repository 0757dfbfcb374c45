// A service has methods.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
}

fn main() {}
