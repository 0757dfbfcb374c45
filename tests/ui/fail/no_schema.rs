// Described types have a JSON Schema.
use leveret::rpc_service;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct Point {
    pub x: u32,
}

#[rpc_service(schema)]
pub trait Math {
    async fn f(&self, point: Point) -> Point;
}

fn main() {}
