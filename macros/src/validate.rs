//! Every rule for services, in one place. A message sits on the token to change and says what to write
//! instead; one mistake gets one message.

mod types;

use proc_macro2::Ident;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{
    FnArg, Generics, LitStr, Pat, PatType, Receiver, ReturnType, Signature, TraitItem, Type,
};

use crate::errors::Errors;
use crate::model::{self, MethodDef, ServiceDef};
use crate::names;

/// Methods that every generated client has already.
const RESERVED: &[&str] = &["new", "client", "descriptor"];

pub(crate) fn check(service: &ServiceDef<'_>, errors: &mut Errors) {
    check_trait(service, errors);
    for method in &service.methods {
        check_method(method, errors);
    }
    check_together(&service.methods, errors);
}

fn check_trait(service: &ServiceDef<'_>, errors: &mut Errors) {
    let item = service.item;
    names::check("a service", &service.name, errors);
    if let Some(queue) = &service.attr.queue {
        names::check_queue(queue, errors);
    }
    check_partitions(service, errors);
    check_schema(service, cfg!(feature = "schema"), errors);
    if let Some(token) = &item.unsafety {
        errors.push(token, "a service is a safe trait: take `unsafe` off");
    }
    if let Some(token) = &item.auto_token {
        errors.push(token, "a service is an ordinary trait: take `auto` off");
    }
    check_generics(&item.generics, "a service", errors);
    for member in &item.items {
        match member {
            TraitItem::Fn(_) => {}
            TraitItem::Const(constant) => errors.push(
                &constant.ident,
                "a service has only methods: move this constant out of the trait",
            ),
            TraitItem::Type(ty) => errors.push(
                &ty.ident,
                "a service has only methods: name the type itself where it is used, callers cannot \
                 know an associated type",
            ),
            other => errors.push(other, "a service has only methods: write them out here"),
        }
    }
    if item.items.is_empty() {
        errors.push(
            &item.ident,
            "a service needs at least one method, such as `async fn fib(&self, n: u64) -> u64;`",
        );
    }
}

fn check_partitions(service: &ServiceDef<'_>, errors: &mut Errors) {
    let Some(number) = &service.attr.partitions else {
        return;
    };
    if !matches!(number.base10_parse(), Ok(1_u16..=1024)) {
        errors.push(
            number,
            "a service has 1 to 1024 partitions: write `partitions = 16`, or leave it out for that",
        );
    } else if service.partitions().is_none() {
        errors.push(
            number,
            "only methods with a key use partitions: add `#[rpc(key = \"..\")]` to one, or take this off",
        );
    }
}

fn check_schema(service: &ServiceDef<'_>, available: bool, errors: &mut Errors) {
    if let Some(schema) = &service.attr.schema
        && !available
    {
        errors.push(
            schema,
            "JSON Schemas need the feature `schema` of leveret: add `features = [\"schema\"]` to the \
             dependency, or take this key off",
        );
    }
}

fn check_generics(generics: &Generics, what: &str, errors: &mut Errors) {
    if !generics.params.is_empty() {
        errors.push(
            &generics.params,
            format!(
                "{what} cannot be generic: its types are fixed on the wire, write concrete types"
            ),
        );
    } else if let Some(clause) = &generics.where_clause {
        errors.push(
            clause,
            format!("{what} cannot have a `where` clause: take it off"),
        );
    }
}

fn check_method(method: &MethodDef<'_>, errors: &mut Errors) {
    let signature = &method.item.sig;
    for attribute in method.item.attrs.iter().filter(|a| model::hides_rpc(a)) {
        errors.push(
            attribute,
            "`rpc` cannot be set by `cfg_attr`: write the method twice, each under its own `#[cfg]`",
        );
    }
    names::check("a method", &method.name, errors);
    let rust_name = signature.ident.unraw().to_string();
    if RESERVED.contains(&rust_name.as_str()) {
        errors.push(
            &signature.ident,
            format!(
                "the generated client has a `{rust_name}` of its own: give the method another name here \
                 and keep this one on the wire with `#[rpc(name = \"{rust_name}\")]`"
            ),
        );
    }
    if let Some(queue) = &method.attr.queue {
        names::check_queue(queue, errors);
    }
    check_qualifiers(method, errors);
    check_generics(&signature.generics, "an RPC method", errors);
    check_receiver(signature, errors);
    check_parameters(method, errors);
    check_key(method, errors);
    check_return(method, errors);
}

fn check_key(method: &MethodDef<'_>, errors: &mut Errors) {
    let Some(key) = &method.attr.key else {
        return;
    };
    if let Some(queue) = &method.attr.queue {
        errors.push(
            queue,
            "calls with a key go to the partitions of the service: take `queue` off, or `key`",
        );
    }
    let Some(argument) = method.key() else {
        let names: Vec<_> = method
            .argument_names()
            .map(|name| format!("`{}`", name.value()))
            .collect();
        let message = match names.as_slice() {
            [] => "a key is one of the parameters, and this method has none: add one".to_owned(),
            _ => format!(
                "there is no parameter `{}` to be the key: write one of {}",
                key.value(),
                names.join(", ")
            ),
        };
        return errors.push(key, message);
    };
    types::check_key(argument.ty, errors);
}

fn check_qualifiers(method: &MethodDef<'_>, errors: &mut Errors) {
    let signature = &method.item.sig;
    match (&signature.asyncness, &method.attr.blocking) {
        (None, None) => errors.push(
            signature.fn_token,
            "an RPC method is `async fn`; for one that computes or blocks, add `#[rpc(blocking)]`",
        ),
        (Some(token), Some(_)) => errors.push(
            token,
            "a blocking method runs on a thread of its own: take `async` off, or `blocking`",
        ),
        _ => {}
    }
    if let Some(token) = &signature.constness {
        errors.push(token, "an RPC method cannot be `const`: take it off");
    }
    if let Some(token) = &signature.unsafety {
        errors.push(
            token,
            "an RPC method is called by the network, which promises nothing: take `unsafe` off",
        );
    }
    if let Some(abi) = &signature.abi {
        errors.push(
            abi,
            "an RPC method has no ABI of its own: take `extern` off",
        );
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(
            variadic,
            "an RPC method has a fixed list of arguments: take a `Vec<T>`",
        );
    }
}

fn check_receiver(signature: &Signature, errors: &mut Errors) {
    const FIX: &str = "write `&self`: calls share one service and run at the same time";
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver)) if is_shared(receiver, &signature.generics) => {}
        Some(FnArg::Receiver(receiver)) if receiver.mutability.is_some() => errors.push(
            receiver,
            format!("{FIX}; keep what changes in a `Mutex` or an atomic"),
        ),
        Some(FnArg::Receiver(receiver)) => errors.push(receiver, FIX),
        _ => errors.push(
            &signature.ident,
            "an RPC method takes `&self` first: calls share one service and run at the same time",
        ),
    }
}

/// `&self`; `&'a self` in a method that has been told not to be generic is no second mistake.
fn is_shared(receiver: &Receiver, generics: &Generics) -> bool {
    let lifetime = match &receiver.reference {
        Some((_, lifetime)) => lifetime,
        None => return false,
    };
    receiver.colon_token.is_none()
        && receiver.mutability.is_none()
        && (lifetime.is_none() || !generics.params.is_empty())
}

fn check_parameters(method: &MethodDef<'_>, errors: &mut Errors) {
    let mut seen: Vec<Ident> = Vec::new();
    for (index, parameter) in model::typed_inputs(method.item).enumerate() {
        if let Some(attribute) = parameter.attrs.first() {
            errors.push(
                attribute,
                "arguments are the same for every caller and carry no attributes: take it off",
            );
        }
        check_pattern(parameter, &mut seen, errors);
        if !model::is_context(&parameter.ty) {
            types::check_argument(&parameter.ty, errors);
        } else if index > 0 && method.context.is_some() {
            errors.push(parameter, "a method has one context: take this one off");
        } else if index > 0 {
            errors.push(
                parameter,
                "the context comes first: `(&self, cx: &Context, ..)`",
            );
        }
    }
}

fn check_pattern(parameter: &PatType, seen: &mut Vec<Ident>, errors: &mut Errors) {
    const FIX: &str = "an argument is a plain name: it travels by name";
    match &*parameter.pat {
        Pat::Ident(name)
            if name.by_ref.is_none() && name.mutability.is_none() && name.subpat.is_none() =>
        {
            let ident = name.ident.unraw();
            if seen.contains(&ident) {
                errors.push(
                    &name.ident,
                    format!("two arguments are called `{ident}`: rename one"),
                );
            }
            seen.push(ident);
        }
        Pat::Ident(name) => errors.push(name, format!("{FIX}, write `{}`", name.ident)),
        Pat::Wild(wild) => errors.push(wild, format!("{FIX}, give it one")),
        other => errors.push(other, format!("{FIX}, take it apart inside the method")),
    }
}

fn check_return(method: &MethodDef<'_>, errors: &mut Errors) {
    let ReturnType::Type(_, ty) = &method.item.sig.output else {
        return check_oneway(method, None, errors);
    };
    check_oneway(method, Some(ty), errors);
    // A method that returns `impl Future` has been told to be `async fn`.
    let told = method.item.sig.asyncness.is_none() && method.attr.blocking.is_none();
    if method.attr.oneway.is_none() && !(told && matches!(**ty, Type::ImplTrait(_))) {
        types::check_result(ty, errors);
    }
}

fn check_oneway(method: &MethodDef<'_>, returns: Option<&Type>, errors: &mut Errors) {
    if method.attr.oneway.is_none() {
        return;
    }
    if let Some(ty) = returns
        && !matches!(method.returns, model::Returns::Unit)
    {
        errors.push(
            ty,
            "a oneway method returns nothing, its caller does not wait: take the return type or \
             `oneway` off",
        );
    }
    if let Some(default) = &method.attr.default {
        errors.push(
            default,
            "a oneway method cannot be the default: a request that names no method waits for an answer",
        );
    }
}

/// Rules between methods. Two of the same name may be the two sides of a `#[cfg]`.
fn check_together(methods: &[MethodDef<'_>], errors: &mut Errors) {
    for (index, method) in methods.iter().enumerate() {
        let before = || {
            methods[..index]
                .iter()
                .filter(|other| method.cfgs().is_empty() || other.cfgs().is_empty())
        };
        let rust_name = &method.item.sig.ident;
        if before().any(|other| other.name.value() == method.name.value()) {
            let at: &dyn ToTokens = match &method.attr.name {
                Some(name) => name,
                None => rust_name,
            };
            push_duplicate(at, &method.name, errors);
        } else if before().any(|other| other.item.sig.ident == *rust_name) {
            errors.push(
                rust_name,
                format!("two methods are called `{rust_name}`: rename one"),
            );
        }
        if let Some(default) = &method.attr.default
            && before().any(|other| other.attr.default.is_some())
        {
            errors.push(
                default,
                "a service has one default method: keep `default` on one of them",
            );
        }
    }
}

fn push_duplicate(at: &dyn ToTokens, name: &LitStr, errors: &mut Errors) {
    errors.push(
        at,
        format!(
            "two methods are called {:?} on the wire: give one of them another `name`",
            name.value()
        ),
    );
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;
    use crate::attr::ServiceAttr;

    /// Here and not among the UI tests, which run with every feature.
    #[test]
    fn schema_without_its_feature_says_what_to_add() {
        let item = parse_quote!(
            trait Math {}
        );
        let mut errors = Errors::default();
        let attr = ServiceAttr::parse(quote::quote!(schema), &mut errors);
        let service = ServiceDef::new(attr, &item, &mut errors);
        check_schema(&service, true, &mut errors);
        assert!(errors.is_empty());
        check_schema(&service, false, &mut errors);
        let tokens = errors.into_tokens().to_string();
        assert!(tokens.contains("need the feature `schema`"), "{tokens}");
    }
}
