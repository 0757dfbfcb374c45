//! `#[derive(DomainError)]`: an enum's variants (or one struct) become errors with a name and details on
//! the wire, and back. Its own small pipeline, since it shares only the attribute grammar with services.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::{Data, DeriveInput, Field, Fields, LitStr, Member, Path};

use crate::attr::ErrorAttr;
use crate::errors::Errors;
use crate::expand::on_type;
use crate::model;
use crate::names;

/// Beyond this, names serve a reader better than positions.
const MAX_POSITIONAL: usize = 15;

pub(crate) fn derive(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let is_enum = matches!(input.data, Data::Enum(_));
    let attr = ErrorAttr::parse_type(&input.attrs, is_enum, &mut errors);
    let variants = variants(&input, &attr, &mut errors);
    check(&input, &variants, &mut errors);
    if errors.is_empty() {
        expand(&input.ident, attr.krate.as_ref(), &variants)
    } else {
        let errors = errors.into_tokens();
        let fallback = fallback(&input, attr.krate.as_ref());
        quote_spanned! {Span::mixed_site()=> #errors #fallback }
    }
}

/// One error: a variant, or the struct.
struct VariantDef<'a> {
    path: TokenStream,
    name: LitStr,
    fields: &'a Fields,
}

fn variants<'a>(
    input: &'a DeriveInput,
    attr: &ErrorAttr,
    errors: &mut Errors,
) -> Vec<VariantDef<'a>> {
    match &input.data {
        Data::Struct(data) => vec![VariantDef {
            path: quote_spanned!(Span::mixed_site()=> Self),
            name: wire_name(attr, &input.ident),
            fields: &data.fields,
        }],
        Data::Enum(data) => {
            let variants = data.variants.iter().map(|variant| {
                let attr = ErrorAttr::parse_variant(&variant.attrs, errors);
                let ident = &variant.ident;
                VariantDef {
                    path: quote_spanned!(Span::mixed_site()=> Self::#ident),
                    name: wire_name(&attr, ident),
                    fields: &variant.fields,
                }
            });
            variants.collect()
        }
        Data::Union(data) => {
            errors.push(
                data.union_token,
                "a domain error is an enum with one variant for each error, or a struct",
            );
            Vec::new()
        }
    }
}

fn wire_name(attr: &ErrorAttr, ident: &Ident) -> LitStr {
    attr.name.clone().unwrap_or_else(|| names::plain(ident))
}

fn check(input: &DeriveInput, variants: &[VariantDef<'_>], errors: &mut Errors) {
    if !input.generics.params.is_empty() {
        errors.push(
            &input.generics.params,
            "a domain error cannot be generic: its fields are fixed on the wire, write concrete types",
        );
    }
    if matches!(&input.data, Data::Enum(data) if data.variants.is_empty()) {
        errors.push(
            &input.ident,
            "a domain error needs at least one variant; a method that cannot fail returns no `Result`",
        );
    }
    for (index, variant) in variants.iter().enumerate() {
        names::check("a domain error", &variant.name, errors);
        let name = variant.name.value();
        if variants[..index]
            .iter()
            .any(|other| other.name.value() == name)
        {
            errors.push(
                &variant.name,
                format!(
                    "two errors are called {name:?} on the wire: give one of them another `name`"
                ),
            );
        }
        check_fields(variant.fields, errors);
    }
}

fn check_fields(fields: &Fields, errors: &mut Errors) {
    for field in fields {
        if let Some(attribute) = field.attrs.iter().find(|a| crate::attr::is_rpc(a)) {
            errors.push(
                attribute,
                "`rpc` is for variants: a field goes on the wire under its own name",
            );
        }
    }
    if matches!(fields, Fields::Unnamed(_)) && fields.len() > MAX_POSITIONAL {
        errors.push(
            fields,
            format!("more than {MAX_POSITIONAL} fields by position: give them names"),
        );
    }
}

fn expand(ident: &Ident, krate: Option<&Path>, variants: &[VariantDef<'_>]) -> TokenStream {
    let krate = model::krate(krate);
    let write = variants.iter().map(write_arm);
    let read = variants.iter().map(read_arm);
    let message = on_type(ident, "Message", "message");
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            use #krate::__private as __rpc;

            #[automatically_derived]
            #[allow(deprecated, clippy::all, clippy::pedantic)]
            impl __rpc::MethodError for #ident {
                type CallError = __rpc::CallError<Self>;

                fn into_error(self) -> __rpc::Error {
                    let message = #message(&self);
                    match &self {
                        #(#write)*
                    }
                }

                fn from_error(error: __rpc::Error) -> __rpc::CallError<Self> {
                    __rpc::domain::read(error, |name, details| match name {
                        #(#read)*
                        _ => ::core::option::Option::None,
                    })
                }
            }
        };
    }
}

/// Keeps a type that cannot be used from being called "not a domain error" as well.
fn fallback(input: &DeriveInput, krate: Option<&Path>) -> TokenStream {
    let krate = model::krate(krate);
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    if !input.generics.params.is_empty() {
        return TokenStream::new();
    }
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        impl #impl_generics #krate::__private::MethodError for #ident #ty_generics {
            type CallError = #krate::__private::CallError<Self>;

            fn into_error(self) -> #krate::__private::Error {
                loop {}
            }

            fn from_error(error: #krate::__private::Error) -> #krate::__private::CallError<Self> {
                #krate::__private::CallError::Rpc(error)
            }
        }
    }
}

/// `TooLarge { limit: f0 } => ..`: fields are bound by our own names, never by the user's.
fn write_arm(variant: &VariantDef<'_>) -> TokenStream {
    let VariantDef { path, name, fields } = variant;
    let Some(shape) = shape(fields) else {
        return quote_spanned! {Span::mixed_site()=>
            #path { .. } => __rpc::domain::unit(#name, message),
        };
    };
    let members = fields.members();
    let locals: Vec<Ident> = locals(fields);
    let writes: Vec<TokenStream> = fields
        .iter()
        .zip(&locals)
        .map(|(field, local)| {
            let write = on_type(&field.ty, "Detail", "write");
            quote_spanned! {Span::mixed_site()=> #write(#local, details)?; }
        })
        .collect();
    quote_spanned! {Span::mixed_site()=>
        #path { #(#members: #locals),* } => __rpc::domain::with_fields(#name, message, #shape, |details| {
            #(#writes)*
            ::core::result::Result::Ok(())
        }),
    }
}

fn read_arm(variant: &VariantDef<'_>) -> TokenStream {
    let VariantDef { path, name, fields } = variant;
    let Some(shape) = shape(fields) else {
        return quote_spanned! {Span::mixed_site()=>
            #name => ::core::option::Option::Some(#path {}),
        };
    };
    let members = fields.members();
    let reads = fields.iter().map(|field: &Field| {
        let read = on_type(&field.ty, "Detail", "read");
        quote_spanned! {Span::mixed_site()=> #read(&mut fields)? }
    });
    quote_spanned! {Span::mixed_site()=>
        #name => {
            let mut fields = details.shaped(#shape)?;
            ::core::option::Option::Some(#path { #(#members: #reads),* })
        }
    }
}

fn locals(fields: &Fields) -> Vec<Ident> {
    (0..fields.len())
        .map(|index| format_ident!("f{index}", span = Span::mixed_site()))
        .collect()
}

/// What the fields look like on the wire; `None` when there are none.
fn shape(fields: &Fields) -> Option<TokenStream> {
    let span = Span::mixed_site();
    match fields {
        fields if fields.is_empty() => None,
        Fields::Unnamed(unnamed) if unnamed.unnamed.len() == 1 => {
            Some(quote_spanned! {span=> __rpc::domain::Shape::Value })
        }
        Fields::Unnamed(unnamed) => {
            let count = Literal::usize_unsuffixed(unnamed.unnamed.len());
            Some(quote_spanned! {span=> __rpc::domain::Shape::Array(#count) })
        }
        _ => {
            let names = fields.members().filter_map(|member| match member {
                Member::Named(ident) => Some(names::plain(&ident)),
                Member::Unnamed(_) => None,
            });
            Some(quote_spanned! {span=> __rpc::domain::Shape::Map(&[#(#names),*]) })
        }
    }
}
