//! A publisher that writes its frames by hand, because lapin cannot send what would hurt it.

use std::io;

use harness::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The broker confirmed it.
    Taken,
    /// The broker returned it: nothing is bound there.
    Returned,
    /// The broker closed the channel or the connection, saying this.
    Refused(String),
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Message<'a> {
    pub(crate) exchange: &'a str,
    pub(crate) routing_key: &'a [u8],
    /// The flags, and the properties that they announce.
    pub(crate) properties: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// Publishes one message, on a connection of its own: a refusal may cost the connection.
pub(crate) async fn publish(url: &str, message: Message<'_>) -> Outcome {
    let mut peer = within("a connection by hand", Peer::connect(url))
        .await
        .expect("a connection by hand");
    within("a confirm", peer.publish(message))
        .await
        .unwrap_or_else(|error| Outcome::Refused(error.to_string()))
}

struct Peer(TcpStream);

const ACK: [u8; 4] = [0, 60, 0, 80];
const RETURN: [u8; 4] = [0, 60, 0, 50];
const CLOSE_CHANNEL: [u8; 4] = [0, 20, 0, 40];
const CLOSE: [u8; 4] = [0, 10, 0, 50];

impl Peer {
    async fn connect(url: &str) -> io::Result<Self> {
        let url = Url::parse(url).expect("a URL");
        let address = (
            url.host_str().unwrap_or_default(),
            url.port().unwrap_or(5672),
        );
        let mut peer = Self(TcpStream::connect(address).await?);
        peer.0.write_all(b"AMQP\0\0\x09\x01").await?;
        peer.expect([0, 10, 0, 10]).await?;
        let password = url.password().unwrap_or_default();
        let login = format!("\0{}\0{password}", url.username());
        let start_ok = [
            &[0; 4],
            &short(b"PLAIN")[..],
            &long(login.as_bytes()),
            &short(b"en_US"),
        ];
        peer.method(0, [0, 10, 0, 11], &start_ok.concat()).await?;
        let tune = peer.expect([0, 10, 0, 30]).await?;
        // As large a frame as the broker allows, and no heartbeats.
        peer.method(0, [0, 10, 0, 31], &[&tune[..6], &[0, 0]].concat())
            .await?;
        // No test has a virtual host of its own.
        peer.method(0, [0, 10, 0, 40], b"\x01/\0\0").await?;
        peer.expect([0, 10, 0, 41]).await?;
        peer.method(1, [0, 20, 0, 10], b"\0").await?;
        peer.expect([0, 20, 0, 11]).await?;
        peer.method(1, [0, 85, 0, 10], b"\0").await?;
        peer.expect([0, 85, 0, 11]).await?;
        Ok(peer)
    }

    async fn publish(&mut self, message: Message<'_>) -> io::Result<Outcome> {
        let mandatory = 1;
        let arguments = [
            &[0, 0],
            &short(message.exchange.as_bytes())[..],
            &short(message.routing_key),
            &[mandatory],
        ];
        self.method(1, [0, 60, 0, 40], &arguments.concat()).await?;
        let size = u64::try_from(message.body.len())
            .expect("a length")
            .to_be_bytes();
        let header = [&[0, 60, 0, 0][..], &size, message.properties].concat();
        self.frame(2, 1, &header).await?;
        if !message.body.is_empty() {
            self.frame(3, 1, message.body).await?;
        }
        let mut outcome = Outcome::Taken;
        loop {
            let (method, arguments) = self.next_method().await?;
            match method {
                RETURN => outcome = Outcome::Returned,
                ACK => return Ok(outcome),
                CLOSE | CLOSE_CHANNEL => {
                    let text = String::from_utf8_lossy(&arguments[3..]).into_owned();
                    return Ok(Outcome::Refused(text));
                }
                other => panic!("the broker sent the method {other:?}"),
            }
        }
    }

    async fn expect(&mut self, wanted: [u8; 4]) -> io::Result<Vec<u8>> {
        let (method, arguments) = self.next_method().await?;
        assert_eq!(method, wanted, "{}", String::from_utf8_lossy(&arguments));
        Ok(arguments)
    }

    async fn next_method(&mut self) -> io::Result<([u8; 4], Vec<u8>)> {
        loop {
            let mut head = [0; 7];
            self.0.read_exact(&mut head).await?;
            let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
            let mut payload = vec![0; size as usize + 1];
            self.0.read_exact(&mut payload).await?;
            // What is returned comes with its header and body.
            if head[0] == 1 {
                let arguments = payload.split_off(4);
                let method = payload.try_into().expect("four bytes");
                return Ok((method, arguments));
            }
        }
    }

    async fn method(&mut self, channel: u8, method: [u8; 4], arguments: &[u8]) -> io::Result<()> {
        self.frame(1, channel, &[&method, arguments].concat()).await
    }

    async fn frame(&mut self, kind: u8, channel: u8, payload: &[u8]) -> io::Result<()> {
        let frame = [&[kind, 0, channel][..], &long(payload), &[0xCE]].concat();
        self.0.write_all(&frame).await
    }
}

pub(crate) fn short(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("at most 255 bytes");
    [&[length], text].concat()
}

pub(crate) fn long(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("a length");
    [&length.to_be_bytes(), bytes].concat()
}
