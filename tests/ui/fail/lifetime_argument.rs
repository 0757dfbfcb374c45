// Arguments do not borrow.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn f(&self, line: std::borrow::Cow<'_, str>);
}

fn main() {}
