// There are 1 to 1024 partitions, for methods with a key.
use leveret::rpc_service;

#[rpc_service(partitions = 0)]
pub trait None {
    #[rpc(key = "item_id")]
    async fn buy(&self, item_id: String);
}

#[rpc_service(partitions = 1025)]
pub trait TooMany {
    #[rpc(key = "item_id")]
    async fn buy(&self, item_id: String);
}

#[rpc_service(partitions = "8")]
pub trait Text {
    #[rpc(key = "item_id")]
    async fn buy(&self, item_id: String);
}

#[rpc_service(partitions)]
pub trait Nothing {
    #[rpc(key = "item_id")]
    async fn buy(&self, item_id: String);
}

#[rpc_service(partitions = 8)]
pub trait Keyless {
    async fn buy(&self, item_id: String);
}

fn main() {}
