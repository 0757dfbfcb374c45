// Methods have fixed arguments.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    #[rpc(blocking)]
    unsafe extern "C" fn f(&self, n: u32, rest: ...) -> u32;
}

fn main() {}
