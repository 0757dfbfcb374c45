//! The grammar of the attributes: `key` or `key = "text"`, separated by commas. Unknown and repeated
//! keys, and values of the wrong kind, are answered with what would be right.

use std::time::Duration;

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Meta, Path, Token, token};

use crate::errors::Errors;
use crate::names;

/// `#[rpc_service(...)]`.
#[derive(Default)]
pub(crate) struct ServiceAttr {
    pub(crate) name: Option<LitStr>,
    pub(crate) queue: Option<LitStr>,
    pub(crate) partitions: Option<LitInt>,
    pub(crate) schema: Option<Ident>,
    pub(crate) krate: Option<Path>,
}

/// `#[rpc(...)]` on a method.
#[derive(Default)]
pub(crate) struct MethodAttr {
    pub(crate) name: Option<LitStr>,
    pub(crate) queue: Option<LitStr>,
    pub(crate) key: Option<LitStr>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) oneway: Option<Ident>,
    pub(crate) blocking: Option<Ident>,
    pub(crate) idempotent: Option<Ident>,
    pub(crate) at_most_once: Option<Ident>,
    pub(crate) default: Option<Ident>,
}

/// `#[rpc(...)]` on a domain error and on its variants.
#[derive(Default)]
pub(crate) struct ErrorAttr {
    pub(crate) name: Option<LitStr>,
    pub(crate) krate: Option<Path>,
}

impl ServiceAttr {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut keys = Keys::new(
            "`#[rpc_service]`",
            &["name", "queue", "partitions", "schema", "crate"],
        );
        keys.read(tokens, errors);
        Self {
            name: keys.text("name", "math", errors),
            queue: keys.text("queue", "rpc_queue", errors),
            partitions: keys.number("partitions", "8", errors),
            schema: keys.flag("schema", errors),
            krate: keys.path("crate", errors),
        }
    }
}

impl MethodAttr {
    const ALLOWED: &[&str] = &[
        "name",
        "queue",
        "key",
        "timeout",
        "oneway",
        "blocking",
        "idempotent",
        "at_most_once",
        "default",
    ];

    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut keys = Keys::new("`#[rpc]`", Self::ALLOWED);
        keys.read_attributes(attributes, errors);
        Self {
            name: keys.text("name", "fib", errors),
            queue: keys.text("queue", "math.slow", errors),
            key: keys.text("key", "item_id", errors),
            timeout: keys
                .text("timeout", "30s", errors)
                .and_then(|text| duration(&text, errors)),
            oneway: keys.flag("oneway", errors),
            blocking: keys.flag("blocking", errors),
            idempotent: keys.flag("idempotent", errors),
            at_most_once: keys.flag("at_most_once", errors),
            default: keys.flag("default", errors),
        }
    }
}

impl ErrorAttr {
    /// The attribute of the type itself: an enum is a set of errors and has no wire name of its own.
    pub(crate) fn parse_type(attributes: &[Attribute], is_enum: bool, errors: &mut Errors) -> Self {
        let allowed: &[&str] = if is_enum {
            &["crate"]
        } else {
            &["name", "crate"]
        };
        let mut keys = Keys::new("`#[rpc]`", allowed);
        keys.read_attributes(attributes, errors);
        Self {
            name: keys.text("name", "not-found", errors),
            krate: keys.path("crate", errors),
        }
    }

    pub(crate) fn parse_variant(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut keys = Keys::new("`#[rpc]` on a variant", &["name"]);
        keys.read_attributes(attributes, errors);
        Self {
            name: keys.text("name", "not-found", errors),
            krate: None,
        }
    }
}

/// Whether this is our helper attribute, which the compiler must not see again.
pub(crate) fn is_rpc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("rpc")
}

fn duration(text: &LitStr, errors: &mut Errors) -> Option<Duration> {
    let duration = names::duration(&text.value());
    if duration.is_none() {
        errors.push(
            text,
            format!(
                "{:?} is not a time: write a whole number above zero with ms, s, m or h, such as \
                 \"250ms\", \"30s\", \"5m\" or \"1h\"",
                text.value()
            ),
        );
    }
    duration
}

/// The entries of one attribute, or of several of the same kind.
struct Keys {
    attribute: &'static str,
    allowed: &'static [&'static str],
    entries: Vec<(Ident, Option<Expr>)>,
}

impl Keys {
    fn new(attribute: &'static str, allowed: &'static [&'static str]) -> Self {
        Self {
            attribute,
            allowed,
            entries: Vec::new(),
        }
    }

    fn read_attributes(&mut self, attributes: &[Attribute], errors: &mut Errors) {
        for attribute in attributes.iter().filter(|attribute| is_rpc(attribute)) {
            match &attribute.meta {
                Meta::List(list) => self.read(list.tokens.clone(), errors),
                Meta::Path(_) | Meta::NameValue(_) => errors.push(
                    attribute,
                    format!("write `#[rpc(..)]` with one or more of {}", self.list()),
                ),
            }
        }
    }

    fn read(&mut self, tokens: TokenStream, errors: &mut Errors) {
        let list = |input: ParseStream<'_>| {
            Punctuated::<_, Token![,]>::parse_terminated_with(input, entry)
        };
        let entries = match list.parse2(tokens) {
            Ok(entries) => entries,
            Err(error) => return errors.add(error),
        };
        for (key, value) in entries {
            if !self.allowed.iter().any(|allowed| key == allowed) {
                let message = format!(
                    "{} does not know `{key}`: use {}",
                    self.attribute,
                    self.list()
                );
                errors.push(key, message);
            } else if self.entries.iter().any(|(seen, _)| *seen == key) {
                let message = format!("`{key}` is given twice: keep one of them");
                errors.push(key, message);
            } else {
                self.entries.push((key, value));
            }
        }
    }

    fn list(&self) -> String {
        let quoted: Vec<_> = self
            .allowed
            .iter()
            .map(|allowed| format!("`{allowed}`"))
            .collect();
        quoted.join(", ")
    }

    fn take(&mut self, key: &str) -> Option<(Ident, Option<Expr>)> {
        let index = self.entries.iter().position(|(seen, _)| seen == key)?;
        Some(self.entries.swap_remove(index))
    }

    fn flag(&mut self, key: &str, errors: &mut Errors) -> Option<Ident> {
        let (ident, value) = self.take(key)?;
        if let Some(value) = value {
            errors.push(
                value,
                format!(
                    "`{key}` takes no value: write `{key}` to set it, and leave it out otherwise"
                ),
            );
        }
        Some(ident)
    }

    fn text(&mut self, key: &str, example: &str, errors: &mut Errors) -> Option<LitStr> {
        let (ident, value) = self.take(key)?;
        match value {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            })) => return Some(text),
            Some(other) => errors.push(
                other,
                format!("`{key}` takes a text: write `{key} = \"{example}\"`"),
            ),
            None => errors.push(
                ident,
                format!("`{key}` needs a text: write `{key} = \"{example}\"`"),
            ),
        }
        None
    }

    fn number(&mut self, key: &str, example: &str, errors: &mut Errors) -> Option<LitInt> {
        let (ident, value) = self.take(key)?;
        match value {
            Some(Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            })) => return Some(number),
            Some(other) => errors.push(
                other,
                format!("`{key}` takes a number: write `{key} = {example}`"),
            ),
            None => errors.push(
                ident,
                format!("`{key}` needs a number: write `{key} = {example}`"),
            ),
        }
        None
    }

    fn path(&mut self, key: &str, errors: &mut Errors) -> Option<Path> {
        let text = self.text(key, "other::leveret", errors)?;
        match text.parse_with(Path::parse_mod_style) {
            Ok(path) => Some(path),
            Err(_) => {
                errors.push(
                    text,
                    format!("`{key}` takes a path: write `{key} = \"other::leveret\"`"),
                );
                None
            }
        }
    }
}

/// `key`, `key = value`, or `key(value)`, which is a mistake that deserves the same answer as a wrong value.
fn entry(input: ParseStream<'_>) -> syn::Result<(Ident, Option<Expr>)> {
    let key = input.call(Ident::parse_any)?;
    let value = if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        Some(input.parse()?)
    } else if input.peek(token::Paren) {
        Some(input.parse()?)
    } else {
        None
    };
    Ok((key, value))
}
