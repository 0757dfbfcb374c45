// All mistakes are shown at once, and code that uses the service adds none.
use leveret::rpc_service;

#[rpc_service(nam = "math")]
pub trait Math {
    fn fib(&self, n: u64) -> u64;
    async fn log(&mut self, line: &str);
}

pub fn serve<S: Math>(imp: S) -> impl leveret::Service {
    MathServer::new(imp)
}

pub fn call(client: leveret::Client) -> MathClient {
    MathClient::new(client)
}

fn main() {}
