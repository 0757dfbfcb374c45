//! The static description of the service. One constant for each method, so that a method that `#[cfg]`
//! takes away takes its description along.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::LitStr;

use super::{client_ident, on_type};
use crate::model::{self, MethodDef, Returns, ServiceDef};

/// Names for the methods' constants. They are associated constants, which no user's item can be
/// mistaken for. `fetch` and `Fetch` would share one name, so the later one is numbered.
pub(super) fn method_idents(methods: &[MethodDef<'_>]) -> Vec<Ident> {
    let upper = |method: &MethodDef<'_>| {
        format_ident!("{}", method.item.sig.ident)
            .to_string()
            .to_uppercase()
    };
    let idents = methods.iter().enumerate().map(|(index, method)| {
        let name = upper(method);
        let taken = methods[..index]
            .iter()
            .any(|other| upper(other) == name && other.item.sig.ident != method.item.sig.ident);
        if taken {
            format_ident!("{name}_{index}", span = Span::mixed_site())
        } else {
            format_ident!("{name}", span = Span::mixed_site())
        }
    });
    idents.collect()
}

pub(super) fn expand(service: &ServiceDef<'_>, consts: &[Ident]) -> TokenStream {
    let client = client_ident(service.item);
    let schema = service.attr.schema.is_some();
    let methods = service.methods.iter().zip(consts);
    let methods = methods.map(|(method, ident)| describe(method, ident, schema));
    let cfgs = service.methods.iter().map(MethodDef::cfgs);
    let name = text(&service.name);
    let doc = doc(&service.item.attrs);
    let queue = option(service.attr.queue.as_ref().map(text));
    let partitions = option(service.partitions().map(|partitions| {
        let partitions = Literal::u16_unsuffixed(partitions);
        quote_spanned! {Span::mixed_site()=> #partitions }
    }));
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        #[allow(dead_code, deprecated, clippy::all, clippy::pedantic)]
        impl #client {
            #(#methods)*

            const METHODS: &'static [__rpc::MethodDescriptor] = &[
                #( #(#cfgs)* Self::#consts, )*
            ];

            /// What the service offers: its methods, their arguments, docs and options.
            #[must_use]
            pub fn descriptor() -> &'static __rpc::ServiceDescriptor {
                static SERVICE: __rpc::ServiceDescriptor = __rpc::ServiceDescriptor {
                    descriptor: __rpc::DESCRIPTOR_VERSION,
                    name: #name,
                    doc: #doc,
                    queue: #queue,
                    partitions: #partitions,
                    methods: __rpc::Cow::Borrowed(#client::METHODS),
                };
                &SERVICE
            }
        }
    }
}

fn describe(method: &MethodDef<'_>, ident: &Ident, schema: bool) -> TokenStream {
    let cfgs = method.cfgs();
    let name = text(&method.name);
    let doc = doc(&method.item.attrs);
    let arguments = method.argument_names().map(text);
    let options = options(method);
    let schemas = option(schema.then(|| schemas(method)));
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        const #ident: __rpc::MethodDescriptor = __rpc::MethodDescriptor {
            name: #name,
            doc: #doc,
            arguments: __rpc::Cow::Borrowed(&[#(#arguments),*]),
            options: #options,
            schemas: #schemas,
        };
    }
}

fn options(method: &MethodDef<'_>) -> TokenStream {
    let attr = &method.attr;
    let mut set: Vec<TokenStream> = [
        &attr.oneway,
        &attr.blocking,
        &attr.idempotent,
        &attr.at_most_once,
        &attr.default,
    ]
    .into_iter()
    .flatten()
    .map(|flag| quote_spanned! {Span::mixed_site()=> #flag: true })
    .collect();
    if let Some(timeout) = attr.timeout {
        let millis = Literal::u128_unsuffixed(timeout.as_millis());
        let timeout = option(Some(quote_spanned! {Span::mixed_site()=>
            ::core::time::Duration::from_millis(#millis)
        }));
        set.push(quote_spanned! {Span::mixed_site()=> timeout: #timeout });
    }
    if let Some(queue) = &attr.queue {
        let queue = option(Some(text(queue)));
        set.push(quote_spanned! {Span::mixed_site()=> queue: #queue });
    }
    if let Some(key) = method.key() {
        let key = option(Some(text(&key.name)));
        set.push(quote_spanned! {Span::mixed_site()=> key: #key });
    }
    if set.is_empty() {
        quote_spanned! {Span::mixed_site()=> __rpc::MethodOptions::NONE }
    } else {
        quote_spanned! {Span::mixed_site()=>
            __rpc::MethodOptions { #(#set,)* ..__rpc::MethodOptions::NONE }
        }
    }
}

/// A function, because a schema cannot be made at compile time, and because unused ones then cost nothing.
fn schemas(method: &MethodDef<'_>) -> TokenStream {
    let arguments = method.arguments.iter().map(|argument| {
        let name = &argument.name;
        let optional = model::last_segment(argument.ty).is_some_and(|last| last.ident == "Option");
        let required = !optional;
        let describe = on_type(argument.ty, "Described", "argument");
        quote_spanned! {Span::mixed_site()=> #describe(&mut schemas, #name, #required); }
    });
    let result = match &method.returns {
        Returns::Unit => quote_spanned! {Span::mixed_site()=> <() as __rpc::Described>::result },
        Returns::Value(value) | Returns::Result { value, .. } => {
            on_type(value, "Described", "result")
        }
    };
    let mutable =
        (!method.arguments.is_empty()).then(|| quote_spanned! {Span::mixed_site()=> mut });
    quote_spanned! {Span::mixed_site()=>
        __rpc::Schemas::Made(|| {
            let #mutable schemas = __rpc::SchemaWriter::new();
            #(#arguments)*
            #result(schemas)
        })
    }
}

fn doc(attributes: &[syn::Attribute]) -> TokenStream {
    text(&LitStr::new(
        &model::doc_text(attributes),
        Span::mixed_site(),
    ))
}

fn text(text: &LitStr) -> TokenStream {
    quote_spanned! {Span::mixed_site()=> __rpc::Cow::Borrowed(#text) }
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote_spanned! {Span::mixed_site()=> ::core::option::Option::Some(#value) },
        None => quote_spanned! {Span::mixed_site()=> ::core::option::Option::None },
    }
}
