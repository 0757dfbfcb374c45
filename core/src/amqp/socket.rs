//! The socket under a connection: TCP or TLS, opened within a time limit, closable from outside. lapin
//! has no connect timeout and cannot abandon a handshake, so we dial ourselves.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use super::Address;
use super::guard::Guard;
#[cfg(feature = "tls")]
use super::tls;
use crate::error::Error;

/// What a TLS connection trusts and presents. Without the feature `tls` there is nothing to set.
#[derive(Clone, Default)]
pub(crate) struct TlsOptions {
    /// PEM certificates to trust besides the system's.
    pub(crate) extra_ca: Vec<Vec<u8>>,
    /// PEM certificate chain and private key to present.
    pub(crate) identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl std::fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsOptions")
            .field("extra_ca", &self.extra_ca.len())
            .field("identity", &self.identity.is_some())
            .finish()
    }
}

pub(super) struct Socket {
    stream: Stream,
    guard: Guard,
}

enum Stream {
    Tcp(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<tls::TlsStream>),
}

/// Ends the connection under lapin when it is dropped, whatever state lapin is in.
pub(super) struct Hangup(std::net::TcpStream);

impl Hangup {
    /// Whoever uses the socket is told that it is lost.
    pub(super) fn now(&self) {
        // It fails when the peer was faster, which is as good.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl Drop for Hangup {
    fn drop(&mut self) {
        self.now();
    }
}

impl Socket {
    /// `frame_max` is the largest frame that lapin will accept.
    pub(super) async fn open(
        address: &Address,
        tls: &TlsOptions,
        frame_max: u32,
    ) -> Result<(Self, Hangup), Error> {
        let tcp = TcpStream::connect((address.host(), address.port()))
            .await
            .and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp))
            .map_err(|error| super::link::unreachable(address, "TCP", error))?;
        let split = || {
            let tcp = tcp.into_std()?;
            let other = tcp.try_clone()?;
            Ok((TcpStream::from_std(tcp)?, Hangup(other)))
        };
        let (tcp, hangup) =
            split().map_err(|error: io::Error| super::link::unreachable(address, "TCP", error))?;
        let stream = if address.is_tls() {
            Stream::secure(tcp, address, tls).await?
        } else {
            Stream::Tcp(tcp)
        };
        let guard = Guard::new(frame_max);
        Ok((Self { stream, guard }, hangup))
    }
}

impl Stream {
    #[cfg(feature = "tls")]
    async fn secure(
        tcp: TcpStream,
        address: &Address,
        options: &TlsOptions,
    ) -> Result<Self, Error> {
        let connector = tls::connector(options)?;
        let name = tls::server_name(address.host())?;
        let stream = connector.connect(name, tcp).await;
        let stream = stream.map_err(|error| super::link::unreachable(address, "TLS", error))?;
        Ok(Self::Tls(Box::new(stream)))
    }

    /// Never reached: [`Address::parse`] refuses `amqps://` in such a build.
    #[cfg(not(feature = "tls"))]
    async fn secure(tcp: TcpStream, _: &Address, _: &TlsOptions) -> Result<Self, Error> {
        Ok(Self::Tcp(tcp))
    }
}

/// Calls a method of tokio's traits on whichever stream it is.
macro_rules! with_stream {
    ($any:expr, $stream:ident => $call:expr) => {
        match $any {
            Stream::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, guard } = self.get_mut();
        guard.poll_read(buf, |buf| {
            let mut buf = ReadBuf::new(buf);
            with_stream!(stream, stream => tokio::io::AsyncRead::poll_read(stream, cx, &mut buf))
                .map_ok(|()| buf.filled().len())
        })
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        with_stream!(&mut self.get_mut().stream, stream => tokio::io::AsyncWrite::poll_write(stream, cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with_stream!(&mut self.get_mut().stream, stream => tokio::io::AsyncWrite::poll_write_vectored(stream, cx, bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(&mut self.get_mut().stream, stream => tokio::io::AsyncWrite::poll_flush(stream, cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(&mut self.get_mut().stream, stream => tokio::io::AsyncWrite::poll_shutdown(stream, cx))
    }
}
