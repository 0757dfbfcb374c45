//! The macros of leveret.

mod attr;
mod domain_error;
mod errors;
mod expand;
mod fallback;
mod model;
mod names;
mod validate;

use proc_macro::TokenStream;

/// Service.
#[proc_macro_attribute]
pub fn rpc_service(attr: TokenStream, item: TokenStream) -> TokenStream {
    expand::rpc_service(attr.into(), item.into()).into()
}

/// Error.
#[proc_macro_derive(DomainError, attributes(rpc))]
pub fn derive_domain_error(input: TokenStream) -> TokenStream {
    domain_error::derive(input.into()).into()
}
