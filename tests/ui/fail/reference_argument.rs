// Arguments own their data.
use leveret::rpc_service;

#[rpc_service]
pub trait Math {
    async fn text(&self, line: &str);
    async fn list(&self, samples: &[f64]);
    async fn nested(&self, lines: Vec<&String>);
    async fn exclusive(&self, line: &mut String);
}

fn main() {}
