// Methods take `&self`.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(self: std::sync::Arc<Self>);
}

fn main() {}
