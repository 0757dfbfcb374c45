// Arguments of blocking methods are serde types.
use leveret::rpc_service;

pub struct Point {
    pub x: u32,
}

#[rpc_service]
pub trait Math {
    #[rpc(blocking)]
    fn f(&self, point: Point) -> Point;
    #[rpc(oneway)]
    async fn g(&self, point: Point);
}

fn main() {}
