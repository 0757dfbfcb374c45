//! A broker's address. Holds credentials, so neither `Debug` nor any error ever shows them.

use std::fmt;

use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use url::{Host, Url};

use crate::error::{Code, Error, Executed};

#[derive(Clone)]
pub(crate) struct Address {
    pub(super) uri: AMQPUri,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        // The parsers' own errors may quote the URL, and with it a password.
        let unreadable = || {
            Error::new(
                Code::InvalidArgument,
                "the broker URL cannot be read; write amqp://user:password@host:5672/vhost (a / in the \
                 vhost, and any special character in the password, is percent-encoded: %2f)",
            )
            .with_executed(Executed::No)
        };
        let mut uri: AMQPUri = url.parse().map_err(|_| unreadable())?;
        // lapin's parser takes an IPv6 address for no host at all, and that for localhost.
        let host = Url::parse(url).map_err(|_| unreadable())?;
        if let Some(Host::Ipv6(address)) = host.host() {
            uri.authority.host = address.to_string();
        }
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
        let ip = host.parse::<std::net::IpAddr>();
        ip.map_or(host == "localhost", |ip| ip.is_loopback())
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.uri.scheme == AMQPScheme::AMQPS
    }

    #[cfg(feature = "management")]
    pub(crate) fn vhost(&self) -> &str {
        &self.uri.vhost
    }

    /// User and password.
    #[cfg(feature = "management")]
    pub(crate) fn credentials(&self) -> (&str, &str) {
        let user = &self.uri.authority.userinfo;
        (&user.username, &user.password)
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
        let (open, close) = if self.host().contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        write!(
            f,
            "{}://{open}{}{close}:{}/{}",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_host_is_the_host() {
        for (url, host, shown, loopback) in [
            (
                "amqp://u:p@[::1]:5673/v",
                "::1",
                "amqp://[::1]:5673/v",
                true,
            ),
            (
                "amqp://[2001:db8::7]",
                "2001:db8::7",
                "amqp://[2001:db8::7]:5672/%2f",
                false,
            ),
            (
                "amqp://127.0.0.1:5672",
                "127.0.0.1",
                "amqp://127.0.0.1:5672/%2f",
                true,
            ),
        ] {
            let address = Address::parse(url).expect("an address");
            assert_eq!(
                (address.host(), address.is_loopback()),
                (host, loopback),
                "{url}"
            );
            assert_eq!(address.to_string(), shown);
        }
    }
}
