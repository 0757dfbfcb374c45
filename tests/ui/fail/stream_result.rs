// Streams are not supported yet.
use leveret::rpc_service;
use std::pin::Pin;

pub trait Stream {
    type Item;
}
pub struct BoxStream<T>(T);

#[rpc_service]
pub trait Math {
    async fn a(&self) -> impl Stream<Item = u32>;
    async fn b(&self) -> Pin<Box<dyn Stream<Item = u32> + Send>>;
    async fn c(&self, items: Box<dyn Stream<Item = u32> + Send>);
    async fn d(&self) -> Result<BoxStream<u32>, leveret::Error>;
}

fn main() {}
