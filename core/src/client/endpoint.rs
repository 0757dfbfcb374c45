//! A method by name, checked once and called many times by programs that encode for themselves.

use std::time::Duration;

use super::outgoing::{Outgoing, Target};
use super::{Call, Cast, Client};
use crate::encoded::Encoded;
use crate::error::Error;

/// A method of a service, as [`Client::endpoint`] makes it. Cheap to clone.
///
/// ```no_run
/// # async fn example(client: leveret::Client) -> Result<(), leveret::Error> {
/// use leveret::{Codec, Encoded};
///
/// let fib = client.endpoint("math", "fib")?;
/// let answer = fib.call(Encoded::new(Codec::Json, r#"{"n":30}"#)).undecoded().await?;
/// assert_eq!(answer.body(), "832040");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    client: Client,
    target: Target,
}

impl Endpoint {
    pub(super) fn new(
        client: &Client,
        target: Result<&str, &str>,
        method: &str,
    ) -> Result<Self, Error> {
        Ok(Self {
            client: client.clone(),
            target: client.target(target, method)?,
        })
    }

    /// The method's own timeout, for calls whose client sets none.
    #[must_use]
    pub fn with_method_timeout(mut self, timeout: Duration) -> Self {
        self.target.timeout = Some(timeout);
        self
    }

    /// A call with these arguments, sent in their own encoding, whatever the client's codec is. They are not
    /// looked at: make them of [`Encoded::from_msgpack`] unless they are known to be well-formed.
    pub fn call(&self, arguments: Encoded) -> Call<()> {
        Call::new(self.outgoing(arguments))
    }

    /// A cast with these arguments.
    pub fn cast(&self, arguments: Encoded) -> Cast {
        Cast::new(self.outgoing(arguments))
    }

    fn outgoing(&self, arguments: Encoded) -> Outgoing {
        let (codec, body) = arguments.into_parts();
        Outgoing::new(self.client.clone(), self.target.clone(), codec, Ok(body))
    }
}
