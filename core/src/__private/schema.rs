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
        MethodSchemas {
            arguments: schemas.finish(),
            result: result.to_value(),
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
        schema
    }
}
