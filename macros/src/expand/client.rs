//! `MathClient`: one method for each function, which makes a call to be awaited.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;

use super::{client_ident, on_type};
use crate::model::{MethodDef, Returns, ServiceDef, attributes_named};

pub(super) fn expand(service: &ServiceDef<'_>, consts: &[Ident]) -> TokenStream {
    let client = client_ident(service.item);
    let new_doc = format!("A client of the service `{}`.", service.name.value());
    let methods = service.methods.iter().zip(consts);
    let methods = methods.map(|(def, descriptor)| method(def, descriptor));
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        #[allow(dead_code, deprecated, clippy::all, clippy::pedantic)]
        impl #client {
            #[doc = #new_doc]
            #[must_use]
            pub fn new(client: impl ::core::convert::Into<__rpc::Client>) -> Self {
                Self { client: ::core::convert::Into::into(client) }
            }

            /// The client that sends the calls.
            #[must_use]
            pub fn client(&self) -> &__rpc::Client {
                &self.client
            }

            #(#methods)*
        }
    }
}

fn method(method: &MethodDef<'_>, descriptor: &Ident) -> TokenStream {
    let attributes = attributes_named(&method.item.attrs, &["cfg", "doc", "deprecated", "allow"]);
    let ident = &method.item.sig.ident;
    // Without a doc comment, a user's `missing_docs` would point here as well as at the trait.
    let doc = attributes_named(&method.item.attrs, &["doc"])
        .is_empty()
        .then(|| {
            let text = format!("Calls `{}`.", method.name.value());
            quote_spanned! {Span::mixed_site()=> #[doc = #text] }
        });
    let parameters = method.arguments.iter().map(|argument| {
        let (ident, ty) = (argument.ident, argument.ty);
        quote_spanned! {Span::mixed_site()=> #ident: #ty }
    });
    let key = method.key().map(|argument| {
        let ident = argument.ident;
        let key = on_type(argument.ty, "Argument", "key");
        quote_spanned! {Span::mixed_site()=> #key(&#ident), }
    });
    let (stub, result) = if method.attr.oneway.is_some() {
        (
            ["stub_cast", "stub_keyed_cast"],
            quote_spanned! {Span::mixed_site()=> __rpc::Cast },
        )
    } else {
        let result = match &method.returns {
            Returns::Unit => quote_spanned! {Span::mixed_site()=> (), __rpc::Error },
            Returns::Value(ty) => quote_spanned! {Span::mixed_site()=> #ty, __rpc::Error },
            Returns::Result { value, error } => {
                quote_spanned! {Span::mixed_site()=> #value, #error }
            }
        };
        (
            ["stub_call", "stub_keyed_call"],
            quote_spanned! {Span::mixed_site()=> __rpc::Call<#result> },
        )
    };
    let stub = Ident::new(stub[usize::from(key.is_some())], Span::mixed_site());
    let encode = encode(method);
    quote_spanned! {Span::mixed_site()=>
        #(#attributes)*
        #doc
        pub fn #ident(&self, #(#parameters),*) -> #result {
            self.client.#stub(Self::descriptor(), const { &Self::#descriptor }, #key #encode)
        }
    }
}

fn encode(method: &MethodDef<'_>) -> TokenStream {
    let pushes: Vec<_> = method
        .arguments
        .iter()
        .map(|argument| {
            let (ident, name) = (argument.ident, &argument.name);
            let push = on_type(argument.ty, "Argument", "push");
            quote_spanned! {Span::mixed_site()=> #push(&#ident, args, #name) }
        })
        .collect();
    match pushes.as_slice() {
        [] => quote_spanned! {Span::mixed_site()=> |_| ::core::result::Result::Ok(()) },
        [push] => quote_spanned! {Span::mixed_site()=> |args| #push },
        [pushes @ .., last] => quote_spanned! {Span::mixed_site()=>
            |args| {
                #(#pushes?;)*
                #last
            }
        },
    }
}
