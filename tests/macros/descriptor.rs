//! The description of a service is an interface for tools and other languages: it is pinned by a file.

use std::path::Path;

use leveret::{Service, rpc_service};
use serde_json::{Value, json};

use crate::service::{Calculator, MathClient, MathServer};

/// `LEVERET_BLESS=1` writes the file anew.
#[test]
fn the_descriptor_is_as_the_golden_file_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("wire/descriptor.json");
    let actual = serde_json::to_value(MathClient::descriptor()).unwrap();
    if std::env::var_os("LEVERET_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&actual).unwrap();
        std::fs::write(&path, text + "\n").unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        actual,
        golden,
        "the descriptor differs from {}",
        path.display()
    );
}

#[test]
fn server_and_client_share_one_descriptor() {
    let server = MathServer::new(Calculator::default());
    assert!(std::ptr::eq(server.descriptor(), MathClient::descriptor()));
    let default = MathClient::descriptor().default_method().unwrap();
    assert_eq!(default.name, "fib");
}

#[rpc_service]
trait HTTPGateway {
    #[cfg(test)]
    async fn kept(&self) -> u32;
    #[cfg(not(test))]
    async fn gone(&self, missing: NoSuchType) -> NoSuchType;
    #[cfg(not(test))]
    async fn either(&self) -> NoSuchType;
    #[cfg(test)]
    async fn either(&self) -> u32;
    async fn fetch(&self);
    #[allow(non_snake_case)]
    async fn Fetch(&self);
}

#[test]
fn methods_follow_their_cfg_and_names_their_default() {
    let descriptor = HTTPGatewayClient::descriptor();
    assert_eq!(descriptor.name, "http_gateway");
    let names: Vec<_> = descriptor.methods.iter().map(|m| &*m.name).collect();
    assert_eq!(names, ["kept", "either", "fetch", "Fetch"]);
    let json = serde_json::to_value(descriptor).unwrap();
    assert_eq!(
        json["methods"][0],
        json!({"name": "kept", "doc": "", "arguments": [], "options": {}})
    );
}

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Page {
    text: Vec<u8>,
    next: Option<Box<Page>>,
}

#[rpc_service(schema)]
trait Pages {
    #[allow(clippy::too_many_arguments)]
    async fn turn(
        &self,
        page: Page,
        raw: Vec<u8>,
        maybe: Option<Vec<u8>>,
        hash: [u8; 4],
        wide: Vec<u16>,
    ) -> Result<Vec<Page>, leveret::Error>;
}

#[test]
fn schemas_share_definitions_and_know_bytes() {
    let turn = PagesClient::descriptor().method("turn").unwrap();
    let schemas = turn.schemas.as_ref().unwrap().get();
    let arguments = &schemas.arguments;
    let base64 = json!({"type": "string", "contentEncoding": "base64"});
    assert_eq!(
        arguments["required"],
        json!(["page", "raw", "hash", "wide"])
    );
    assert_eq!(
        arguments["properties"]["page"],
        json!({"$ref": "#/$defs/Page"})
    );
    assert_eq!(arguments["$defs"]["Page"]["properties"]["text"], base64);
    assert_eq!(arguments["properties"]["raw"], base64);
    assert_eq!(
        arguments["properties"]["maybe"],
        json!({"type": ["string", "null"], "contentEncoding": "base64"})
    );
    assert_eq!(arguments["properties"]["hash"]["type"], "array");
    assert_eq!(arguments["properties"]["wide"]["type"], "array");
    assert_eq!(schemas.result["items"], json!({"$ref": "#/$defs/Page"}));
    assert_eq!(
        schemas.result["$defs"]["Page"]["properties"]["text"],
        base64
    );
}
