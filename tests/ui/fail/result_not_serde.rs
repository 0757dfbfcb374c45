// Results are serde types.
use leveret::rpc_service;

pub struct Point {
    pub x: u32,
}

#[rpc_service]
pub trait Math {
    async fn f(&self) -> Point;
    async fn g(&self) -> Result<Point, leveret::Error>;
}

fn main() {}
