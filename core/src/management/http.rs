//! One GET over a connection of its own: small, bounded, and over TLS by what `amqps://` is made of. Redirects are not
//! followed and proxies not asked: a login goes where it was said to go.

use std::fmt;
use std::pin::pin;

use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
#[cfg(feature = "tls")]
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
#[cfg(feature = "tls")]
use tokio_rustls::TlsConnector;

use super::Failure;
use crate::amqp::TlsOptions;
#[cfg(feature = "tls")]
use crate::amqp::tls;
use crate::error::Error;

/// The longest answer that is read; the one that is expected has a hundred bytes.
const LONGEST: usize = 64 << 10;

pub(super) struct Peer {
    host: String,
    port: u16,
    #[cfg(feature = "tls")]
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Peer {
    /// One that is spoken to over TLS when there are options for that.
    #[cfg(feature = "tls")]
    pub(super) fn new(host: String, port: u16, tls: Option<&TlsOptions>) -> Result<Self, Error> {
        let secured = |options| Ok((tls::connector(options)?, tls::server_name(&host)?));
        let tls = tls.map(secured).transpose()?;
        Ok(Self { host, port, tls })
    }

    #[cfg(not(feature = "tls"))]
    pub(super) fn new(host: String, port: u16, _: Option<&TlsOptions>) -> Result<Self, Error> {
        Ok(Self { host, port })
    }

    /// The status and the body at a path.
    pub(super) async fn get(
        &self,
        path: &str,
        authorization: &str,
    ) -> Result<(u16, Bytes), Failure> {
        let mut authorization =
            HeaderValue::from_str(authorization).map_err(|_| Failure::Refused)?;
        authorization.set_sensitive(true);
        let request = Request::get(path)
            .header(HOST, self.authority())
            .header(CONNECTION, "close")
            .header(AUTHORIZATION, authorization)
            .body(Empty::new())
            .map_err(|_| Failure::Unreadable)?;
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await;
        let tcp = tcp.map_err(|_| Failure::Unreachable)?;
        #[cfg(feature = "tls")]
        if let Some((connector, name)) = &self.tls {
            let stream = connector.connect(name.clone(), tcp).await;
            return ask(stream.map_err(|_| Failure::Unreachable)?, request).await;
        }
        ask(tcp, request).await
    }

    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    #[cfg(feature = "tls")]
    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    #[cfg(not(feature = "tls"))]
    fn scheme(&self) -> &'static str {
        "http"
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

async fn ask<S>(stream: S, request: Request<Empty<Bytes>>) -> Result<(u16, Bytes), Failure>
where
    TokioIo<S>: Read + Write + Unpin,
{
    let handshake = http1::Builder::new()
        .max_buf_size(LONGEST)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|_| Failure::Unreadable)?;
    let answer = async {
        let response = sender.send_request(request).await;
        read(response.map_err(|_| Failure::Unreadable)?).await
    };
    // The connection carries the answer, and may end before all of it has been looked at.
    match select(pin!(answer), connection).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, answer)) => answer.await,
    }
}

async fn read<B>(response: Response<B>) -> Result<(u16, Bytes), Failure>
where
    B: hyper::body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LONGEST).collect().await;
    let body = body.map_err(|_| Failure::Unreadable)?;
    Ok((head.status.as_u16(), body.to_bytes()))
}
