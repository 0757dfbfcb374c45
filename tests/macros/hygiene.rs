//! Generated code means the same wherever it lands: without the prelude, with the library under another
//! name, with raw identifiers, and with every name of its own taken by the user.

/// Nothing is in scope but what the user imported.
#[no_implicit_prelude]
mod no_prelude {
    #[::leveret::rpc_service(name = "bare", schema)]
    pub(crate) trait Bare {
        #[rpc(timeout = "1s", queue = "bare.one")]
        async fn one(
            &self,
            cx: &::leveret::Context,
            n: ::core::option::Option<u8>,
        ) -> ::core::result::Result<u8, BareError>;
        #[rpc(blocking)]
        fn two(&self, cx: &::leveret::Context, a: u8, b: u8) -> u8;
        #[rpc(oneway)]
        async fn three(&self);
    }

    #[derive(::core::fmt::Debug, ::leveret::DomainError)]
    pub(crate) enum BareError {
        Unit,
        One(u8),
        Two(u8, u8),
        Named { none: u8, some: u8 },
    }

    impl ::core::fmt::Display for BareError {
        fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
            ::core::fmt::Debug::fmt(self, f)
        }
    }
}

/// `leveret` is something else here.
mod renamed {
    #[allow(dead_code)]
    mod leveret {}

    use crate::other::rpc_service;

    #[rpc_service(crate = "crate::other")]
    pub(crate) trait Renamed {
        async fn one(&self, n: u8) -> Result<u8, RenamedError>;
    }

    #[derive(Debug, thiserror::Error, crate::other::DomainError)]
    #[rpc(crate = "crate::other")]
    pub(crate) enum RenamedError {
        #[error("gone")]
        Gone,
    }
}

/// Raw identifiers are plain on the wire.
#[allow(non_camel_case_types)]
mod raw {
    use leveret::rpc_service;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    pub(crate) struct r#match;

    #[rpc_service]
    pub(crate) trait r#type {
        async fn r#async(&self, r#fn: u8, r#struct: r#match) -> r#match;
    }
}

/// Every name that generated code uses is a user's name as well.
mod collisions {
    use leveret::{Context, DomainError, rpc_service};
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    pub(crate) struct S;
    #[derive(Serialize, Deserialize)]
    pub(crate) struct Call;
    #[derive(Serialize, Deserialize)]
    pub(crate) struct Cow<const N: usize>;
    pub(crate) const METHODS: usize = 3;
    #[allow(dead_code)]
    pub(crate) struct Error;

    #[rpc_service]
    pub(crate) trait Collisions {
        #[allow(clippy::too_many_arguments)]
        async fn fields(
            &self,
            cx: &Context,
            request: u8,
            self_: u8,
            args: u8,
            client: u8,
            method: u8,
            context: u8,
            running: u8,
            imp: u8,
        ) -> u32;
        #[rpc(blocking)]
        fn blocking(&self, context: &Context, cx: u8, request: u8, args: u8, running: u8) -> u32;
        async fn types(&self, s: S, call: Call, cow: Cow<METHODS>) -> Result<S, OddError>;
        async fn call(&self, method: String) -> String;
        #[rpc(name = "new")]
        async fn make(&self);
    }

    #[derive(Debug, PartialEq, thiserror::Error, DomainError)]
    pub(crate) enum OddError {
        #[error("{message}")]
        Odd {
            message: String,
            name: u8,
            details: u8,
            fields: u8,
            error: u8,
            f0: u8,
            f1: u8,
        },
    }

    pub(crate) struct Imp;

    impl Collisions for Imp {
        async fn fields(
            &self,
            cx: &Context,
            request: u8,
            self_: u8,
            args: u8,
            client: u8,
            method: u8,
            context: u8,
            running: u8,
            imp: u8,
        ) -> u32 {
            assert_eq!(cx.method(), "fields");
            [request, self_, args, client, method, context, running, imp]
                .iter()
                .fold(0, |sum, &digit| sum * 10 + u32::from(digit))
        }

        fn blocking(&self, _context: &Context, cx: u8, request: u8, args: u8, running: u8) -> u32 {
            [cx, request, args, running]
                .iter()
                .fold(0, |sum, &digit| sum * 10 + u32::from(digit))
        }

        async fn types(&self, s: S, _call: Call, _cow: Cow<METHODS>) -> Result<S, OddError> {
            Ok(s)
        }

        async fn call(&self, method: String) -> String {
            method
        }

        async fn make(&self) {}
    }
}

/// Attributes below the macro's reach everything that it makes.
#[deny(deprecated)]
mod attributes {
    #[leveret::rpc_service]
    #[cfg(not(test))]
    pub(crate) trait Gone {
        async fn one(&self) -> NoSuchType;
    }

    #[leveret::rpc_service]
    #[deprecated = "use another"]
    pub(crate) trait Old: std::fmt::Debug {
        #[deprecated]
        async fn one(&self) -> Result<(), leveret::Error>;
    }
}

/// A trait inside a function is nobody's but that function's.
#[test]
fn local_traits_work() {
    #[leveret::rpc_service]
    trait Local {
        async fn one(&self) -> u8;
    }
    assert_eq!(LocalClient::descriptor().name, "local");
}

/// A trait that a `macro_rules!` wrote.
#[test]
fn traits_from_macros_work() {
    macro_rules! service {
        ($name:ident, $argument:ident: $ty:ty) => {
            #[leveret::rpc_service]
            trait $name {
                async fn one(&self, $argument: $ty, args: $ty) -> $ty;
                #[rpc(blocking)]
                fn two(&self, $argument: $ty, args: Option<$ty>) -> Result<$ty, leveret::Error>;
            }
        };
    }
    service!(Made, request: u8);
    let methods = &MadeClient::descriptor().methods;
    assert_eq!(*methods[0].arguments, ["request", "args"]);
}

#[test]
fn names_are_as_written() {
    assert_eq!(no_prelude::BareClient::descriptor().methods.len(), 3);
    assert_eq!(renamed::RenamedClient::descriptor().name, "renamed");
    let raw = raw::typeClient::descriptor();
    assert_eq!(raw.name, "type");
    assert_eq!(raw.methods[0].name, "async");
    assert_eq!(*raw.methods[0].arguments, ["fn", "struct"]);
    assert_eq!(
        collisions::CollisionsClient::descriptor().methods[4].name,
        "new"
    );
}

#[tokio::test]
async fn colliding_arguments_arrive_in_their_places() {
    use std::sync::Arc;

    use leveret::__private::{detached_request, reply_body};
    use leveret::{Codec, MethodError, Service};

    let server = Arc::new(collisions::CollisionsServer::new(collisions::Imp));
    for (method, body, expected) in [
        ("fields", "[1,2,3,4,5,6,7,8]", "12345678"),
        (
            "blocking",
            r#"{"running":4,"args":3,"request":2,"cx":1}"#,
            "1234",
        ),
        ("call", r#""echo""#, r#""echo""#),
    ] {
        let request = detached_request(server.descriptor(), method, Codec::Json, body);
        let reply = Arc::clone(&server).call(method, request).await.unwrap();
        assert_eq!(reply_body(&reply), expected.as_bytes(), "{method}");
    }

    let odd = || collisions::OddError::Odd {
        message: "odd".to_owned(),
        name: 1,
        details: 2,
        fields: 3,
        error: 4,
        f0: 5,
        f1: 6,
    };
    match collisions::OddError::from_error(odd().into_error()) {
        leveret::CallError::Domain(back) => assert_eq!(back, odd()),
        leveret::CallError::Rpc(error) => panic!("{error:?}"),
    }
}
