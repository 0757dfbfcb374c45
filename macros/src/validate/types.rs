//! Which types can travel, as far as their syntax tells. The rest is the business of the marker traits
//! that generated code names, with messages of their own.

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    GenericArgument, Lifetime, PathArguments, Token, Type, TypeParamBound, punctuated::Punctuated,
};

use crate::errors::Errors;
use crate::model;

pub(crate) fn check_argument(ty: &Type, errors: &mut Errors) {
    Finder::run(ty, "take", errors);
}

/// What is certainly no key; of other types only their values tell.
pub(crate) fn check_key(ty: &Type, errors: &mut Errors) {
    const NAMES: [&str; 9] = [
        "f32", "f64", "Option", "Vec", "VecDeque", "HashMap", "BTreeMap", "HashSet", "BTreeSet",
    ];
    let compound = matches!(ty, Type::Tuple(_) | Type::Array(_));
    let named = |last: &syn::PathSegment| NAMES.iter().any(|name| last.ident == name);
    if compound || model::last_segment(ty).is_some_and(named) {
        errors.push(
            ty,
            "this cannot be a key: a key is a string, an integer, a boolean, a UUID, or a newtype of one",
        );
    }
}

pub(crate) fn check_result(ty: &Type, errors: &mut Errors) {
    let short_result = model::last_segment(ty).filter(|last| {
        last.ident == "Result" && !matches!(model::type_arguments(last).as_slice(), [_, _])
    });
    if short_result.is_some() {
        errors.push(
            ty,
            "write this `Result` in full, `Result<T, E>`: callers get `E` and must know it",
        );
    } else {
        Finder::run(ty, "return", errors);
    }
}

/// Finds the outermost thing that cannot travel, and stops there.
struct Finder<'e> {
    verb: &'static str,
    errors: &'e mut Errors,
    found: bool,
}

impl<'e> Finder<'e> {
    fn run(ty: &Type, verb: &'static str, errors: &'e mut Errors) {
        let mut finder = Self {
            verb,
            errors,
            found: false,
        };
        finder.visit_type(ty);
    }

    fn report(&mut self, at: impl ToTokens, message: impl AsRef<str>) {
        self.found = true;
        self.errors.push(at, message.as_ref());
    }

    fn owned(&self, referenced: &Type) -> String {
        let verb = self.verb;
        let written = text(referenced);
        if model::last_segment(referenced).is_some_and(|last| last.ident == "Context") {
            return "the context is shared, take `&Context` as the first argument".to_owned();
        }
        match referenced {
            Type::Slice(slice) => {
                let element = text(&slice.elem);
                format!("{verb} `Vec<{element}>` instead of `&[{element}]`")
            }
            _ if written == "str" => format!("{verb} `String` instead of `&str`"),
            _ => format!("{verb} `{written}` instead of a reference to it"),
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        if self.found {
            return;
        }
        let verb = self.verb;
        match ty {
            _ if is_stream(ty) => self.report(
                ty,
                format!("streams are not supported yet: {verb} a `Vec<T>`, or page through several calls"),
            ),
            Type::Reference(reference) => {
                let instead = self.owned(&reference.elem);
                self.report(ty, format!("a reference cannot travel: {instead}"));
            }
            Type::ImplTrait(_) => self.report(
                ty,
                format!("`impl Trait` has no form on the wire: {verb} a concrete type"),
            ),
            Type::Path(path) if path.path.segments.first().is_some_and(|s| s.ident == "Self") => self
                .report(
                    ty,
                    format!("`Self` is known only to the server: {verb} a concrete type"),
                ),
            _ if is_nested_option(ty) => self.report(
                ty,
                "a nested `Option` cannot travel, nil is one value: use one `Option`, or an enum",
            ),
            _ if is_128_bits(ty) => self.report(
                ty,
                format!("integers of 128 bits have no form on the wire: {verb} `u64` or `i64`, or a `String`"),
            ),
            _ => visit::visit_type(self, ty),
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if !self.found && lifetime.ident != "static" {
            let verb = self.verb;
            self.report(
                lifetime,
                format!("a borrowed value cannot travel: {verb} a type that owns its data"),
            );
        }
    }
}

fn is_128_bits(ty: &Type) -> bool {
    model::last_segment(ty).is_some_and(|last| last.ident == "i128" || last.ident == "u128")
}

fn is_nested_option(ty: &Type) -> bool {
    let inner = |ty| {
        let last = model::last_segment(ty).filter(|last| last.ident == "Option")?;
        model::type_arguments(last).first().copied()
    };
    inner(ty).and_then(inner).is_some()
}

fn is_stream(ty: &Type) -> bool {
    const NAMES: [&str; 4] = ["Stream", "BoxStream", "LocalBoxStream", "TryStream"];
    match ty {
        Type::ImplTrait(object) => has_stream(&object.bounds),
        Type::TraitObject(object) => has_stream(&object.bounds),
        Type::Path(_) => model::last_segment(ty).is_some_and(|last| {
            let wraps_stream = || match &last.arguments {
                PathArguments::AngleBracketed(arguments) => {
                    arguments.args.iter().any(|argument| match argument {
                        GenericArgument::Type(ty) => is_stream(ty),
                        _ => false,
                    })
                }
                _ => false,
            };
            NAMES.iter().any(|name| last.ident == name)
                || (last.ident == "Pin" || last.ident == "Box") && wraps_stream()
        }),
        _ => false,
    }
}

fn has_stream(bounds: &Punctuated<TypeParamBound, Token![+]>) -> bool {
    bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => bound
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Stream" || last.ident == "TryStream"),
        _ => false,
    })
}

/// A type as people write it: tokens are printed with spaces between all of them.
fn text(ty: &Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (spaced, written) in [
        (" :: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        ("< ", "<"),
        (" ,", ","),
        ("& ", "&"),
    ] {
        text = text.replace(spaced, written);
    }
    text
}
