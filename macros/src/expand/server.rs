//! `MathServer`: finds the method, reads its arguments, runs it, writes what it returned.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;

use super::{client_ident, on_type, server_ident};
use crate::model::{MethodDef, Returns, ServiceDef};

pub(super) fn expand(service: &ServiceDef<'_>) -> TokenStream {
    let item = service.item;
    let (contract, server, client) = (&item.ident, server_ident(item), client_ident(item));
    let doc = format!("Makes a server of an implementation of [`{contract}`].");
    let arms = service.methods.iter().map(|method| arm(service, method));
    // The type parameter has a name that no user's type has: hygiene does not cover it.
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        #[allow(dead_code, deprecated, clippy::all, clippy::pedantic)]
        impl<__S: #contract> #server<__S> {
            #[doc = #doc]
            #[must_use]
            pub fn new(imp: __S) -> Self {
                Self { imp }
            }
        }

        #[automatically_derived]
        #[allow(deprecated, clippy::all, clippy::pedantic)]
        impl<__S: #contract> __rpc::Service for #server<__S> {
            fn descriptor(&self) -> &__rpc::ServiceDescriptor {
                #client::descriptor()
            }

            fn call(
                self: __rpc::Arc<Self>,
                method: &str,
                request: __rpc::Request,
            ) -> __rpc::HandlerFuture {
                match method {
                    #(#arms)*
                    unknown => __rpc::no_such_method(#client::descriptor(), unknown),
                }
            }
        }
    }
}

fn arm(service: &ServiceDef<'_>, method: &MethodDef<'_>) -> TokenStream {
    let cfgs = method.cfgs();
    let name = &method.name;
    let body = if method.attr.blocking.is_some() {
        blocking_body(service, method)
    } else {
        async_body(service, method)
    };
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        #name => __rpc::Box::pin(async move { #body }),
    }
}

/// The handler's future is made in a block of its own, so that the decoder is gone before the first await.
fn async_body(service: &ServiceDef<'_>, method: &MethodDef<'_>) -> TokenStream {
    let contract = &service.item.ident;
    let call = &method.item.sig.ident;
    let read = read_arguments(method);
    let values = method.arguments.iter().map(|argument| argument.ident);
    let context = method.context.map(|context| {
        quote_spanned! {context.ty.span().resolved_at(Span::mixed_site())=> request.context(), }
    });
    let outcome = finish(method, quote_spanned!(Span::mixed_site()=> running.await));
    quote_spanned! {Span::mixed_site()=>
        let running = {
            #read
            <__S as #contract>::#call(&self.imp, #context #(#values),*)
        };
        #outcome
    }
}

fn blocking_body(service: &ServiceDef<'_>, method: &MethodDef<'_>) -> TokenStream {
    let contract = &service.item.ident;
    let call = &method.item.sig.ident;
    let read = read_arguments(method);
    let values = method.arguments.iter().map(|argument| argument.ident);
    let (clone, context) = method
        .context
        .map(|context| {
            let span = context.ty.span().resolved_at(Span::mixed_site());
            (
                quote_spanned! {Span::mixed_site()=>
                    let context = ::core::clone::Clone::clone(request.context());
                },
                quote_spanned! {span=> &context, },
            )
        })
        .unzip();
    let outcome = finish(method, quote_spanned!(Span::mixed_site()=> running.await?));
    quote_spanned! {Span::mixed_site()=>
        let running = {
            #read
            #clone
            request.blocking(move || <__S as #contract>::#call(&self.imp, #context #(#values),*))
        };
        #outcome
    }
}

/// Reads the arguments into locals with the names and the hygiene of the user's parameters.
fn read_arguments(method: &MethodDef<'_>) -> TokenStream {
    let names = method.argument_names();
    if method.arguments.is_empty() {
        return quote_spanned! {Span::mixed_site()=> request.arguments(&[])?; };
    }
    let reads = method
        .arguments
        .iter()
        .enumerate()
        .map(|(index, argument)| {
            let ident = argument.ident;
            let take = on_type(argument.ty, "Argument", "take");
            let index = Literal::usize_unsuffixed(index);
            quote_spanned! {Span::mixed_site()=> let #ident = #take(&mut args, #index)?; }
        });
    quote_spanned! {Span::mixed_site()=>
        let mut args = request.arguments(&[#(#names),*])?;
        #(#reads)*
    }
}

fn finish(method: &MethodDef<'_>, outcome: TokenStream) -> TokenStream {
    match &method.returns {
        Returns::Unit => quote_spanned! {Span::mixed_site()=>
            let () = #outcome;
            request.value(&())
        },
        Returns::Value(ty) => {
            let value = on_type(ty, "Returned", "value");
            quote_spanned! {Span::mixed_site()=> #value(#outcome, &request) }
        }
        Returns::Result { value, error } => {
            let finish = on_type(value, "Returned", "outcome");
            quote_spanned! {error.span().resolved_at(Span::mixed_site())=> #finish::<#error>(#outcome, &request) }
        }
    }
}
