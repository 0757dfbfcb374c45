//! One call.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::Client;
use crate::arguments::ArgumentsWriter;
use crate::descriptor::{MethodDescriptor, ServiceDescriptor};
use crate::error::{Error, MethodError};

/// A call that has its arguments and waits for `.await`.
#[must_use = "a call is sent when it is awaited"]
#[derive(Debug)]
pub struct Call<T, E = Error> {
    result: PhantomData<fn() -> (T, E)>,
}

/// A call without an answer, sent when it is awaited.
#[must_use = "a cast is sent when it is awaited"]
#[derive(Debug)]
pub struct Cast;

impl Client {
    /// For generated stubs: a call of a described method. `encode` pushes every argument, in order.
    #[doc(hidden)]
    pub fn stub_call<T, E>(
        &self,
        service: &'static ServiceDescriptor,
        method: &'static MethodDescriptor,
        encode: impl FnOnce(&mut ArgumentsWriter) -> Result<(), Error>,
    ) -> Call<T, E> {
        let _ = (service, method, encode);
        todo!()
    }

    /// For generated stubs: a cast of a described method.
    #[doc(hidden)]
    pub fn stub_cast(
        &self,
        service: &'static ServiceDescriptor,
        method: &'static MethodDescriptor,
        encode: impl FnOnce(&mut ArgumentsWriter) -> Result<(), Error>,
    ) -> Cast {
        let _ = (service, method, encode);
        todo!()
    }
}

impl<T, E> Call<T, E> {
    /// Sets how long to wait, for this call.
    pub fn timeout(self, timeout: Duration) -> Self {
        let _ = timeout;
        self
    }
}

impl<T: DeserializeOwned + Send + 'static, E: MethodError> IntoFuture for Call<T, E> {
    type Output = Result<T, E::CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        todo!()
    }
}

impl IntoFuture for Cast {
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        todo!()
    }
}
