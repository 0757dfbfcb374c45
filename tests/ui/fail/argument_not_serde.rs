// Arguments are serde types.
use leveret::rpc_service;

pub struct Point {
    pub x: u32,
}

#[rpc_service]
pub trait Math {
    async fn f(&self, point: Point);
    async fn g(&self, points: Vec<Point>);
}

fn main() {}
