//! Puts the parts together: the user's trait, the server, the client and the description. Generated code
//! names everything absolutely; its locals carry the macro's own hygiene, so arguments may have any name.

mod client;
mod describe;
mod server;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, ItemTrait, ReturnType, TraitItem, parse_quote};

use crate::attr::{self, ServiceAttr};
use crate::errors::Errors;
use crate::fallback;
use crate::model::{ServiceDef, attributes_named};
use crate::validate;

pub(crate) fn rpc_service(attr: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let attr = ServiceAttr::parse(attr, &mut errors);
    let item: ItemTrait = match syn::parse2(item.clone()) {
        Ok(item) => item,
        Err(error) => return fallback::not_a_trait(item, error),
    };
    let service = ServiceDef::new(attr, &item, &mut errors);
    validate::check(&service, &mut errors);
    if !errors.is_empty() {
        return fallback::service(&service, errors);
    }

    let krate = service.krate();
    let contract = contract(&item);
    let structs = structs(&service);
    let methods = describe::method_idents(&service.methods);
    let server = server::expand(&service);
    let client = client::expand(&service, &methods);
    let describe = describe::expand(&service, &methods);
    let cfgs = attributes_named(&item.attrs, &["cfg"]);
    quote! {
        #contract
        #structs
        #(#cfgs)*
        const _: () = {
            use #krate::__private as __rpc;
            #server
            #client
            #describe
        };
    }
}

/// The names of what a trait turns into.
pub(crate) fn server_ident(item: &ItemTrait) -> Ident {
    format_ident!("{}Server", item.ident)
}

pub(crate) fn client_ident(item: &ItemTrait) -> Ident {
    format_ident!("{}Client", item.ident)
}

/// The user's trait, with futures that are `Send` and supertraits that let a server share it.
pub(crate) fn contract(item: &ItemTrait) -> ItemTrait {
    let mut item = item.clone();
    if item.supertraits.is_empty() {
        item.colon_token = Some(Default::default());
    }
    item.supertraits.push(parse_quote!(::core::marker::Send));
    item.supertraits.push(parse_quote!(::core::marker::Sync));
    item.supertraits.push(parse_quote!('static));
    for member in &mut item.items {
        let TraitItem::Fn(method) = member else {
            continue;
        };
        method.attrs.retain(|attribute| !attr::is_rpc(attribute));
        if method.sig.asyncness.take().is_none() {
            continue;
        }
        let output: TokenStream = match &method.sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, ty) => ty.to_token_stream(),
        };
        method.sig.output = parse_quote! {
            -> impl ::core::future::Future<Output = #output> + ::core::marker::Send
        };
        if let Some(body) = &method.default {
            method.default = Some(parse_quote!({ async move #body }));
            method.semi_token = None;
        }
    }
    item
}

/// The two types that a trait turns into. They stand outside the block with the impls: a type inside
/// it could not be named.
pub(crate) fn structs(service: &ServiceDef<'_>) -> TokenStream {
    let item = service.item;
    let krate = service.krate();
    let (server, client) = (server_ident(item), client_ident(item));
    let visibility = &item.vis;
    let inherited: Vec<&Attribute> = attributes_named(&item.attrs, &["cfg", "deprecated"]);
    let name = service.name.value();
    let server_doc = format!(
        "Serves an implementation of [`{}`] as `{name}`.",
        item.ident
    );
    let client_doc = format!(
        "Calls the service `{name}`: one method for each of [`{}`].",
        item.ident
    );
    // What a program does not use of these is not its author's dead code.
    quote_spanned! {Span::mixed_site()=>
        #(#inherited)*
        #[doc = #server_doc]
        #[derive(::core::fmt::Debug)]
        #[allow(dead_code)]
        #visibility struct #server<S> {
            imp: S,
        }

        #(#inherited)*
        #[doc = #client_doc]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(dead_code)]
        #visibility struct #client {
            client: #krate::__private::Client,
        }
    }
}

/// `<T as __rpc::Trait>::function`, with the span of the user's type: that is where a message about it belongs.
pub(crate) fn on_type(ty: impl ToTokens + Spanned, name: &str, function: &str) -> TokenStream {
    let span = ty.span().resolved_at(Span::mixed_site());
    let name = Ident::new(name, span);
    let function = Ident::new(function, span);
    quote_spanned! {span=> <#ty as __rpc::#name>::#function }
}
