//! What the macro knows about a trait: plain data with the user's own tokens, so that every message can
//! point at them. Nothing is judged here.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, FnArg, GenericArgument, ItemTrait, LitStr, Meta, Pat, PatType, Path,
    PathArguments, PathSegment, ReturnType, Token, TraitItem, TraitItemFn, Type,
};

use crate::attr::{MethodAttr, ServiceAttr};
use crate::errors::Errors;
use crate::names;

/// As in `docs/protocol.md`.
const DEFAULT_PARTITIONS: u16 = 16;

pub(crate) struct ServiceDef<'a> {
    pub(crate) item: &'a ItemTrait,
    pub(crate) attr: ServiceAttr,
    pub(crate) name: LitStr,
    pub(crate) methods: Vec<MethodDef<'a>>,
}

pub(crate) struct MethodDef<'a> {
    pub(crate) item: &'a TraitItemFn,
    pub(crate) attr: MethodAttr,
    pub(crate) name: LitStr,
    pub(crate) context: Option<&'a PatType>,
    pub(crate) arguments: Vec<ArgDef<'a>>,
    pub(crate) returns: Returns<'a>,
}

/// A parameter that travels.
pub(crate) struct ArgDef<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) name: LitStr,
    pub(crate) ty: &'a Type,
}

/// What a method returns, as far as one can see without knowing types.
pub(crate) enum Returns<'a> {
    Unit,
    Value(&'a Type),
    Result { value: &'a Type, error: &'a Type },
}

impl<'a> ServiceDef<'a> {
    pub(crate) fn new(attr: ServiceAttr, item: &'a ItemTrait, errors: &mut Errors) -> Self {
        let methods = item.items.iter().filter_map(|item| match item {
            TraitItem::Fn(method) => Some(MethodDef::new(method, errors)),
            _ => None,
        });
        Self {
            item,
            methods: methods.collect(),
            name: attr
                .name
                .clone()
                .unwrap_or_else(|| names::snake_case(&item.ident)),
            attr,
        }
    }

    /// How many partitions the keyed methods have, if there are any.
    pub(crate) fn partitions(&self) -> Option<u16> {
        self.methods
            .iter()
            .find(|method| method.attr.key.is_some())?;
        let given = self.attr.partitions.as_ref();
        Some(given.map_or(DEFAULT_PARTITIONS, |number| {
            number.base10_parse().unwrap_or_default()
        }))
    }

    /// The library, as generated code reaches it.
    pub(crate) fn krate(&self) -> TokenStream {
        krate(self.attr.krate.as_ref())
    }
}

/// `crate = ".."`, or the name that everybody uses.
pub(crate) fn krate(path: Option<&Path>) -> TokenStream {
    path.map_or_else(|| quote!(::leveret), |path| quote!(#path))
}

impl<'a> MethodDef<'a> {
    fn new(item: &'a TraitItemFn, errors: &mut Errors) -> Self {
        let attr = MethodAttr::parse(&item.attrs, errors);
        let mut parameters = typed_inputs(item).peekable();
        let context = parameters.next_if(|parameter| is_context(&parameter.ty));
        let arguments = parameters.filter_map(|parameter| match &*parameter.pat {
            Pat::Ident(pattern) => Some(ArgDef {
                ident: &pattern.ident,
                name: names::plain(&pattern.ident),
                ty: &parameter.ty,
            }),
            _ => None,
        });
        Self {
            context,
            arguments: arguments.collect(),
            returns: Returns::new(&item.sig.output),
            name: attr
                .name
                .clone()
                .unwrap_or_else(|| names::plain(&item.sig.ident)),
            attr,
            item,
        }
    }

    pub(crate) fn cfgs(&self) -> Vec<&'a Attribute> {
        attributes_named(&self.item.attrs, &["cfg"])
    }

    /// The parameter that orders the calls.
    pub(crate) fn key(&self) -> Option<&ArgDef<'a>> {
        let key = self.attr.key.as_ref()?.value();
        self.arguments
            .iter()
            .find(|argument| argument.name.value() == key)
    }

    pub(crate) fn argument_names(&self) -> impl Iterator<Item = &LitStr> {
        self.arguments.iter().map(|argument| &argument.name)
    }
}

impl<'a> Returns<'a> {
    fn new(output: &'a ReturnType) -> Self {
        let ReturnType::Type(_, ty) = output else {
            return Self::Unit;
        };
        match (&**ty, result_arguments(ty)) {
            (Type::Tuple(tuple), _) if tuple.elems.is_empty() => Self::Unit,
            (_, Some([value, error])) => Self::Result { value, error },
            _ => Self::Value(ty),
        }
    }
}

/// The parameters after the receiver.
pub(crate) fn typed_inputs(item: &TraitItemFn) -> impl Iterator<Item = &PatType> {
    item.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(parameter) => Some(parameter),
        FnArg::Receiver(_) => None,
    })
}

/// `&Context`, by whatever path.
pub(crate) fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => {
            reference.mutability.is_none()
                && last_segment(&reference.elem).is_some_and(|last| last.ident == "Context")
        }
        _ => false,
    }
}

pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

/// The type arguments of a path's last segment.
pub(crate) fn type_arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// `T` and `E` of anything whose path ends in `Result<T, E>`.
fn result_arguments(ty: &Type) -> Option<[&Type; 2]> {
    let last = last_segment(ty).filter(|last| last.ident == "Result")?;
    type_arguments(last).try_into().ok()
}

pub(crate) fn attributes_named<'a>(
    attributes: &'a [Attribute],
    names: &[&str],
) -> Vec<&'a Attribute> {
    attributes
        .iter()
        .filter(|attribute| names.iter().any(|name| attribute.path().is_ident(name)))
        .collect()
}

/// The text of the doc comments, for the descriptor.
pub(crate) fn doc_text(attributes: &[Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
                Expr::Lit(literal) => match &literal.lit {
                    syn::Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        });
    // A block comment is one attribute with several lines, and an empty line is a line.
    let text = lines.collect::<Vec<_>>().join("\n");
    let lines: Vec<&str> = text
        .split('\n')
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect();
    lines.join("\n").trim().to_owned()
}

/// The keys inside `#[cfg_attr(.., rpc(..))]`, which the compiler has not resolved when the macro runs.
pub(crate) fn hides_rpc(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else {
        return false;
    };
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    attribute.path().is_ident("cfg_attr")
        && parts.is_ok_and(|parts| parts.iter().skip(1).any(|part| part.path().is_ident("rpc")))
}
