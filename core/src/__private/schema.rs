//! JSON Schemas (draft 2020-12) of a method's types, made when somebody asks for them.

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::MethodSchemas;

/// A type that can describe itself, for services with `#[rpc_service(schema)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema",
    label = "does not implement `schemars::JsonSchema`",
    note = "derive `schemars::JsonSchema` on it, or take the `schema` key off `#[rpc_service]`"
)]
pub trait Described {
    /// Adds the next parameter.
    fn argument(schemas: &mut SchemaWriter, name: &str, required: bool);

    /// Ends with the result.
    fn result(schemas: SchemaWriter) -> MethodSchemas;
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> Described for T {
    fn argument(schemas: &mut SchemaWriter, name: &str, required: bool) {
        let schema = schemas.generator.subschema_for::<T>();
        schemas
            .properties
            .insert(name.to_owned(), schema.to_value());
        if required {
            schemas.required.push(name.to_owned().into());
        }
    }

    fn result(schemas: SchemaWriter) -> MethodSchemas {
        // A server writes what its types serialize to; a caller must send what they deserialize from.
        let result = SchemaSettings::draft2020_12()
            .for_serialize()
            .into_generator()
            .into_root_schema_for::<T>();
        let mut result = result.to_value();
        bytes_as_text(&mut result);
        MethodSchemas {
            arguments: schemas.finish(),
            result,
        }
    }
}

/// Collects the schemas of one method.
#[derive(Debug)]
pub struct SchemaWriter {
    generator: SchemaGenerator,
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl Default for SchemaWriter {
    fn default() -> Self {
        Self {
            generator: SchemaSettings::draft2020_12()
                .for_deserialize()
                .into_generator(),
            properties: Map::new(),
            required: Vec::new(),
        }
    }
}

impl SchemaWriter {
    /// No parameters yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn finish(mut self) -> Value {
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": false,
        });
        let definitions = self.generator.take_definitions(true);
        if !definitions.is_empty() {
            schema["$defs"] = definitions.into();
        }
        bytes_as_text(&mut schema);
        schema
    }
}

/// A `Vec<u8>` is bytes on the wire, which JSON writes in base64; schemars only sees a list of numbers.
/// Arrays of a fixed size and sets are lists for the codec as well.
fn bytes_as_text(schema: &mut Value) {
    let byte = || json!({"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255});
    match schema {
        Value::Object(object) => {
            let is_array = object
                .get("type")
                .is_some_and(|ty| ty == "array" || *ty == json!(["array", "null"]));
            let has_limits = ["minItems", "maxItems", "uniqueItems"]
                .iter()
                .any(|key| object.contains_key(*key));
            if is_array && !has_limits && object.get("items") == Some(&byte()) {
                object.remove("items");
                let nullable = object.get("type").is_some_and(Value::is_array);
                let ty = if nullable {
                    json!(["string", "null"])
                } else {
                    json!("string")
                };
                object.insert("type".to_owned(), ty);
                object.insert("contentEncoding".to_owned(), json!("base64"));
            }
            object.values_mut().for_each(bytes_as_text);
        }
        Value::Array(values) => values.iter_mut().for_each(bytes_as_text),
        _ => {}
    }
}
