//! What is emitted beside the messages: the trait itself and a client and a server without methods, so
//! that the code which uses them does not add messages of its own.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{FnArg, ItemTrait, TraitItem, parse_quote};

use crate::errors::Errors;
use crate::expand;
use crate::model::{self, ServiceDef, attributes_named};

pub(crate) fn service(service: &ServiceDef<'_>, errors: Errors) -> TokenStream {
    let item = service.item;
    let errors = errors.into_tokens();
    let krate = service.krate();
    let (server, client) = (expand::server_ident(item), expand::client_ident(item));
    let structs = expand::structs(service);
    let cfgs = attributes_named(&item.attrs, &["cfg"]);
    let contract = tidy(expand::contract(item));
    quote_spanned! {Span::mixed_site()=>
        #errors
        #contract
        #structs
        #(#cfgs)*
        const _: () = {
            use #krate::__private as __rpc;

            #[automatically_derived]
            #[allow(dead_code, missing_docs)]
            impl<S> #server<S> {
                pub fn new(imp: S) -> Self {
                    Self { imp }
                }
            }

            #[automatically_derived]
            impl<S: ::core::marker::Send + ::core::marker::Sync + 'static> __rpc::Service for #server<S> {
                fn descriptor(&self) -> &__rpc::ServiceDescriptor {
                    #client::descriptor()
                }

                fn call(
                    self: __rpc::Arc<Self>,
                    method: &str,
                    _: __rpc::Request,
                ) -> __rpc::HandlerFuture {
                    __rpc::no_such_method(#client::descriptor(), method)
                }
            }

            #[automatically_derived]
            #[allow(dead_code, missing_docs)]
            impl #client {
                pub fn new(client: impl ::core::convert::Into<__rpc::Client>) -> Self {
                    Self { client: ::core::convert::Into::into(client) }
                }

                pub fn client(&self) -> &__rpc::Client {
                    &self.client
                }

                pub fn descriptor() -> &'static __rpc::ServiceDescriptor {
                    loop {}
                }
            }
        };
    }
}

/// Takes out what the compiler would report once more.
fn tidy(mut contract: ItemTrait) -> ItemTrait {
    let mut seen = Vec::new();
    contract.items.retain_mut(|member| {
        let TraitItem::Fn(method) = member else {
            return true;
        };
        method
            .attrs
            .retain(|attribute| !model::hides_rpc(attribute));
        method.sig.variadic = None;
        if method.default.is_none() {
            method.sig.inputs.iter_mut().for_each(plain_pattern);
        }
        let ident = method.sig.ident.clone();
        let repeated = seen.contains(&ident);
        if attributes_named(&method.attrs, &["cfg"]).is_empty() {
            seen.push(ident);
        }
        !repeated
    });
    contract
}

fn plain_pattern(input: &mut FnArg) {
    match input {
        FnArg::Receiver(receiver) if receiver.reference.is_none() => receiver.mutability = None,
        FnArg::Receiver(_) => {}
        FnArg::Typed(parameter) => parameter.pat = parse_quote!(_),
    }
}

/// The attribute on something else: that item stays as it is.
pub(crate) fn not_a_trait(item: TokenStream, error: syn::Error) -> TokenStream {
    let error = match syn::parse2::<syn::Item>(item.clone()) {
        Ok(_) => syn::Error::new(
            Span::call_site(),
            "`#[rpc_service]` goes on a trait: `pub trait Math { async fn fib(&self, n: u64) -> u64; }`",
        ),
        // The text is not Rust; the parser knows better what it missed.
        Err(_) => error,
    };
    let error = error.to_compile_error();
    quote! { #error #item }
}
