// Handlers run on any thread.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self, n: u32) -> u32;
}

struct Calculator;

impl Math for Calculator {
    async fn f(&self, n: u32) -> u32 {
        let shared = std::rc::Rc::new(n);
        std::future::ready(()).await;
        *shared
    }
}

fn main() {}
