// A server takes the generated wrapper.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self, n: u32) -> u32;
}

struct Calculator;

impl Math for Calculator {
    async fn f(&self, n: u32) -> u32 {
        n
    }
}

fn serve(service: impl leveret::Service) {
    drop(service);
}

pub fn run() {
    serve(Calculator);
}

fn main() {}
