// Arguments travel both ways.
use leveret::rpc_service;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Point {
    pub x: u32,
}

#[rpc_service]
pub trait Math {
    async fn f(&self, point: Point);
}

fn main() {}
