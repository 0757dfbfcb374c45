//! What the service looks like, for its server and for its clients.

use leveret::rpc_service;

/// Says hello.
#[rpc_service]
pub trait Greeter {
    /// A greeting for whoever is named.
    async fn hello(&self, name: String) -> String;
}
