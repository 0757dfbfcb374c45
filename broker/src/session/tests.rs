//! A connection from its first byte to its last, without a socket. The expectations were observed on RabbitMQ 3.10.

use amq_protocol::frame::{AMQPContentHeader, AMQPFrame, WriteContext, gen_frame, parse_frame};
use amq_protocol::protocol::basic::{self, AMQPProperties};
use amq_protocol::protocol::{channel, queue};
use amq_protocol::types::{AMQPValue, FieldTable};

use super::*;
use crate::settings::{Settings, User};

mod dead_letters;
mod handshake;
mod hostile;
mod memory;
mod open;

type Reply = connection::AMQPMethod;

struct Client {
    session: Session,
    out: Arc<Outbound>,
    control: Arc<Control>,
}

impl Client {
    fn new() -> Self {
        Self::at("127.0.0.1:1")
    }

    fn at(address: &str) -> Self {
        let settings = Settings {
            users: vec![User::guest()],
            ..Settings::default()
        };
        Self::of(&Shared::new(settings), address)
    }

    fn of(shared: &Arc<Shared>, address: &str) -> Self {
        let shared = Arc::clone(shared);
        let out = Outbound::detached();
        let control = Control::new(Arc::default());
        let address = address.parse().expect("an address");
        let peer = Peer { address };
        let session = Session::new(shared, Arc::clone(&out), Arc::clone(&control), peer);
        Self {
            session,
            out,
            control,
        }
    }

    fn raw(&mut self, bytes: &[u8]) -> Next {
        let mut input = BytesMut::from(bytes);
        let next = self.session.receive(&mut input);
        assert!(input.is_empty(), "{} bytes were left", input.len());
        next
    }

    fn send(&mut self, method: Reply) -> Next {
        self.raw(&on_zero(method))
    }

    fn replies(&self) -> Vec<AMQPFrame> {
        let bytes = self.out.take();
        let mut bytes = bytes.as_ref();
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let (rest, frame) = parse_frame(bytes).expect("a frame");
            frames.push(frame);
            bytes = rest;
        }
        frames
    }

    fn reply(&self) -> Reply {
        let frames = self.replies();
        let [AMQPFrame::Method(0, AMQPClass::Connection(method))] = &frames[..] else {
            panic!("{frames:?}");
        };
        method.clone()
    }

    /// Code, text, class and method of the close that was sent.
    fn close(&self) -> (u16, String, u16, u16) {
        match self.reply() {
            Reply::Close(close) => {
                let text = close.reply_text.to_string();
                (close.reply_code, text, close.class_id, close.method_id)
            }
            other => panic!("{other:?}"),
        }
    }

    /// One of several to the same broker, with channel 1 open.
    fn with_channel(shared: &Arc<Shared>) -> Self {
        let mut client = Self::of(shared, "127.0.0.1:1");
        let bytes = [
            b"AMQP\0\0\x09\x01".to_vec(),
            on_zero(start_ok("PLAIN", b"\0guest\0guest")),
            on_zero(tune_ok(2047, 131_072)),
            on_zero(open("/")),
            channel_open(1),
        ];
        assert_eq!(client.raw(&bytes.concat()), Next::Read);
        assert!(client.session.is_open());
        client.replies();
        client
    }

    fn starting() -> Self {
        let mut client = Self::new();
        assert_eq!(client.raw(b"AMQP\0\0\x09\x01"), Next::Read);
        assert!(matches!(client.reply(), Reply::Start(_)));
        client
    }

    fn tuning() -> Self {
        let mut client = Self::starting();
        assert_eq!(
            client.send(start_ok("PLAIN", b"\0guest\0guest")),
            Next::Read
        );
        let Reply::Tune(tune) = client.reply() else {
            panic!()
        };
        assert_eq!(
            (tune.channel_max, tune.frame_max, tune.heartbeat),
            (2047, 131_072, 60)
        );
        client
    }

    fn opening() -> Self {
        let mut client = Self::tuning();
        assert_eq!(client.send(tune_ok(2047, 131_072)), Next::Read);
        assert!(client.replies().is_empty());
        client
    }

    fn open() -> Self {
        let mut client = Self::opening();
        assert_eq!(client.send(open("/")), Next::Read);
        assert_eq!(client.reply(), Reply::OpenOk(connection::OpenOk {}));
        assert!(client.session.is_open());
        client
    }
}

fn on_zero(method: Reply) -> Vec<u8> {
    frame(AMQPFrame::Method(0, AMQPClass::Connection(method)))
}

fn start_ok(mechanism: &str, response: &[u8]) -> Reply {
    let mut capabilities = FieldTable::default();
    let name = "authentication_failure_close";
    capabilities.insert(name.into(), AMQPValue::Boolean(true));
    let mut properties = FieldTable::default();
    properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
    Reply::StartOk(connection::StartOk {
        client_properties: properties,
        mechanism: mechanism.into(),
        response: response.into(),
        locale: "en_US".into(),
    })
}

fn tune_ok(channel_max: u16, frame_max: u32) -> Reply {
    Reply::TuneOk(connection::TuneOk {
        channel_max,
        frame_max,
        heartbeat: 7,
    })
}

fn open(vhost: &str) -> Reply {
    Reply::Open(connection::Open {
        virtual_host: vhost.into(),
    })
}

fn close() -> Reply {
    Reply::Close(connection::Close {
        reply_code: 200,
        reply_text: "".into(),
        class_id: 0,
        method_id: 0,
    })
}

fn close_ok() -> Reply {
    Reply::CloseOk(connection::CloseOk {})
}

fn channel_open(channel: u16) -> Vec<u8> {
    let open = channel::AMQPMethod::Open(Default::default());
    frame(AMQPFrame::Method(channel, AMQPClass::Channel(open)))
}

fn frame(frame: AMQPFrame) -> Vec<u8> {
    gen_frame(&frame)(WriteContext::from(Vec::new()))
        .expect("memory")
        .into_inner()
        .0
}

/// Declares a queue on channel 1.
fn declare(name: &str, arguments: &[(&str, AMQPValue)]) -> Vec<u8> {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    let declare = queue::AMQPMethod::Declare(queue::Declare {
        queue: name.into(),
        arguments: table,
        ..queue::Declare::default()
    });
    frame(AMQPFrame::Method(1, AMQPClass::Queue(declare)))
}

/// A message to a queue, on channel 1, of which `sent` bytes are there.
fn publish(queue: &str, size: usize, sent: usize, properties: AMQPProperties) -> Vec<u8> {
    let publish = basic::AMQPMethod::Publish(basic::Publish {
        routing_key: queue.into(),
        ..basic::Publish::default()
    });
    let header = AMQPContentHeader {
        class_id: 60,
        body_size: size as u64,
        properties,
    };
    let mut bytes = frame(AMQPFrame::Method(1, AMQPClass::Basic(publish)));
    bytes.extend(frame(AMQPFrame::Header(1, header)));
    bytes.extend(body(sent));
    bytes
}

fn body(size: usize) -> Vec<u8> {
    let frames = vec![7; size];
    let frames = frames.chunks(100_000);
    frames
        .flat_map(|part| frame(AMQPFrame::Body(1, part.to_vec())))
        .collect()
}

/// A frame that RabbitMQ does not know.
const NONSENSE: &[u8] = b"\x09\0\0\0\0\0\x03abc\xce";
const NONSENSE_TEXT: &str = "FRAME_ERROR - type 9, all octets = <<\"abc\">>: unknown_frame";
