// `#[rpc_service]` goes on a trait.
use leveret::rpc_service;

#[rpc_service]
pub struct Math;

fn main() {}
