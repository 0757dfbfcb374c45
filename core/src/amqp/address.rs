//! A broker's address. Holds credentials, so neither `Debug` nor any error ever shows them.

use std::fmt;

use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};

use crate::error::{Code, Error, Executed};

#[derive(Clone)]
pub(crate) struct Address {
    pub(super) uri: AMQPUri,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let uri: AMQPUri = url.parse().map_err(|_| {
            // The parser's own error may quote the URL, and with it a password.
            Error::new(
                Code::InvalidArgument,
                "the broker URL cannot be read; write amqp://user:password@host:5672/vhost (a / in the \
                 vhost, and any special character in the password, is percent-encoded: %2f)",
            )
            .with_executed(Executed::No)
        })?;
        if uri.scheme == AMQPScheme::AMQPS && !cfg!(feature = "tls") {
            return Err(Error::new(
                Code::Unimplemented,
                "amqps:// needs TLS: build leveret with the feature `tls`",
            )
            .with_executed(Executed::No));
        }
        Ok(Self { uri })
    }

    pub(crate) fn host(&self) -> &str {
        &self.uri.authority.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.uri.authority.port
    }

    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host();
        let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        ip.map_or(host == "localhost", |ip| ip.is_loopback())
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }

    /// The login that the broker will check `user_id` against, when it is known here.
    pub(crate) fn login(&self) -> Option<&str> {
        match self.uri.query.auth_mechanism.unwrap_or_default() {
            SASLMechanism::Plain | SASLMechanism::AMQPlain => {
                Some(&self.uri.authority.userinfo.username)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}:{}/{}",
            self.uri.scheme,
            self.host(),
            self.port(),
            self.uri.vhost.replace('/', "%2f")
        )
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
