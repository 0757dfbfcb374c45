//! A peer that sends what it is told to, byte for byte.

use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use amq_protocol::protocol::{AMQPClass, connection};
use leveret_broker::Broker;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) use connection::AMQPMethod as Method;

pub(crate) struct Raw {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(broker: &Broker) -> Self {
        let stream = TcpStream::connect(broker.address()).await;
        Self {
            stream: stream.expect("a connection"),
            input: Vec::new(),
        }
    }

    /// Connects and opens a connection with that heartbeat.
    pub(crate) async fn open(broker: &Broker, heartbeat: u16) -> Self {
        let mut raw = Self::connect(broker).await;
        raw.send(b"AMQP\0\0\x09\x01").await;
        raw.method(Method::StartOk(connection::StartOk {
            client_properties: Default::default(),
            mechanism: "PLAIN".into(),
            response: "\0guest\0guest".into(),
            locale: "en_US".into(),
        }))
        .await;
        raw.method(Method::TuneOk(connection::TuneOk {
            channel_max: 2047,
            frame_max: 131_072,
            heartbeat,
        }))
        .await;
        let virtual_host = "/".into();
        raw.method(Method::Open(connection::Open { virtual_host }))
            .await;
        for _ in 0..2 {
            raw.next().await.expect("start, tune");
        }
        let open_ok = Method::OpenOk(connection::OpenOk {});
        assert_eq!(raw.next().await, Some(on_zero(open_ok)));
        raw
    }

    /// The socket, once everything that came was looked at.
    pub(crate) fn into_stream(self) -> TcpStream {
        assert!(self.input.is_empty(), "something was not looked at");
        self.stream
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("a socket");
    }

    pub(crate) async fn method(&mut self, method: Method) {
        self.send(&bytes(&on_zero(method))).await;
    }

    /// The next frame; `None` when the broker has gone.
    pub(crate) async fn next(&mut self) -> Option<AMQPFrame> {
        loop {
            if let Ok((rest, frame)) = parse_frame(self.input.as_slice()) {
                self.input = rest.to_vec();
                return Some(frame);
            }
            match self.stream.read_buf(&mut self.input).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

pub(crate) fn bytes(frame: &AMQPFrame) -> Vec<u8> {
    let written = gen_frame(frame)(WriteContext::from(Vec::new()));
    written.expect("memory").into_inner().0
}

pub(crate) fn on_zero(method: Method) -> AMQPFrame {
    AMQPFrame::Method(0, AMQPClass::Connection(method))
}

/// The code and the text of a close.
pub(crate) fn close(frame: Option<AMQPFrame>) -> (u16, String) {
    match frame {
        Some(AMQPFrame::Method(0, AMQPClass::Connection(Method::Close(close)))) => {
            (close.reply_code, close.reply_text.to_string())
        }
        other => panic!("not a close: {other:?}"),
    }
}

pub(crate) async fn broker() -> Broker {
    Broker::bind("127.0.0.1:0").await.expect("a free port")
}
