// Calls share the service.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self, n: u32) -> u32;
}

struct Calculator(std::cell::Cell<u32>);

impl Math for Calculator {
    async fn f(&self, n: u32) -> u32 {
        n
    }
}

fn main() {}
