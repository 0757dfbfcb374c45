//! Serves the interop contract with Leveret: `interop-server NAMESPACE`, with the broker in `AMQP_URL`.

mod contract;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use contract::{
    Color, Interop, InteropClient, InteropServer, Item, LimitError, Seen, Shape, Survived,
};
use leveret::{Code, Connection, Context, Error, Executed};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;
use tokio::sync::watch;

const LIMIT: u64 = 100;
const LARGEST_BODY: usize = 1024 * 1024;

struct Served {
    client: InteropClient,
    /// What has happened to the calls and casts that carry an id.
    events: watch::Sender<HashMap<String, Vec<String>>>,
}

impl Served {
    fn tell(&self, id: &str, event: &str) {
        self.events.send_modify(|events| {
            events.entry(id.to_owned()).or_default().push(event.into());
        });
    }
}

/// Tells that a handler has ended, which a cancelled one does by being dropped.
struct Held<'a>(&'a Served, &'a str);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.tell(self.1, "stop");
    }
}

macro_rules! echoes {
    ($($method:ident: $value:ty,)*) => {
        $(async fn $method(&self, value: $value) -> $value {
            value
        })*
    };
}

impl Interop for Served {
    echoes! {
        echo_any: Value,
        echo_bool: bool,
        echo_bytes: Vec<u8>,
        echo_color: Color,
        echo_f32: f32,
        echo_f64: f64,
        echo_i64: i64,
        echo_item: Item,
        echo_list: Vec<i64>,
        echo_map: BTreeMap<String, i64>,
        echo_nested: Vec<Vec<Option<String>>>,
        echo_optional: Option<i64>,
        echo_shape: Shape,
        echo_string: String,
        echo_time: String,
        echo_tuple: (i64, String, bool),
        echo_u64: u64,
        echo_u8: u8,
        echo_uuid: String,
    }

    async fn big(&self, length: usize) -> String {
        "x".repeat(length)
    }

    async fn context(&self, cx: &Context) -> Seen {
        let trace = cx.trace();
        let metadata = cx.metadata().iter();
        Seen {
            service: cx.service().into(),
            method: cx.method().into(),
            metadata: metadata.map(|(k, v)| (k.into(), v.into())).collect(),
            traceparent: trace.map(|trace| trace.traceparent.clone()),
            tracestate: trace.and_then(|trace| trace.tracestate.clone()),
            baggage: trace.and_then(|trace| trace.baggage.clone()),
            caller: cx.caller().map(Into::into),
            message_id: cx.message_id().map(Into::into),
            redelivered: cx.redelivered(),
            millis_left: cx.time_left().map(|left| left.as_millis() as u64),
        }
    }

    async fn crash(&self) {
        panic!("carrot-secret");
    }

    async fn die(&self, cx: &Context) -> Survived {
        if cx.redelivered() {
            return Survived { redelivered: true };
        }
        kill_process(getpid(), Signal::KILL).expect("a process may kill itself");
        unreachable!("it has been killed");
    }

    async fn events(&self, id: String, count: usize) -> Vec<String> {
        let mut events = self.events.subscribe();
        let of_id = |all: &HashMap<String, Vec<String>>| all.get(&id).cloned().unwrap_or_default();
        let reached = events.wait_for(|all| of_id(all).len() >= count).await;
        of_id(&reached.expect("the sender is here"))
    }

    async fn fail(
        &self,
        code: String,
        message: Option<String>,
        executed: Option<String>,
        retryable: Option<bool>,
        retry_after_ms: Option<u64>,
        details: Option<Value>,
    ) -> Result<(), Error> {
        let code = Code::from_wire(&code).expect("a code of this version");
        let mut error = Error::new(code, message.unwrap_or_else(|| "as you wish".into()));
        if let Some(executed) = executed {
            error = error.with_executed(Executed::from_wire(&executed));
        }
        if let Some(delay) = retry_after_ms {
            error = error.with_retry_after(Duration::from_millis(delay));
        }
        if let Some(retryable) = retryable {
            error = error.with_retryable(retryable);
        }
        if let Some(details) = details {
            error = error.with_details(&details)?;
        }
        Err(error)
    }

    async fn hold(&self, id: String) {
        self.tell(&id, "start");
        let _held = Held(self, &id);
        std::future::pending::<()>().await;
    }

    async fn join(&self, words: Vec<String>, separator: Option<String>) -> String {
        words.join(separator.as_deref().unwrap_or(" "))
    }

    async fn length(&self, text: String) -> usize {
        text.chars().count()
    }

    async fn limited(&self, number: u64) -> Result<u64, LimitError> {
        if number > LIMIT {
            return Err(LimitError::TooLarge { limit: LIMIT });
        }
        Ok(number)
    }

    async fn nan(&self) -> f64 {
        f64::NAN
    }

    async fn note(&self, id: String) {
        self.tell(&id, "note");
    }

    async fn nothing(&self) {}

    /// Asks for an hour: what it gets is what its own caller left it.
    async fn relay(&self) -> Result<Seen, Error> {
        self.client
            .context()
            .timeout(Duration::from_secs(3600))
            .await
    }

    async fn subtract(&self, minuend: i64, subtrahend: i64) -> i64 {
        minuend - subtrahend
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let namespace = std::env::args()
        .nth(1)
        .ok_or("usage: interop-server NAMESPACE")?;
    let connection = Connection::builder(std::env::var("AMQP_URL")?)
        .namespace(namespace)
        .name("interop-rust")
        .max_message_size(LARGEST_BODY)
        .connect()
        .await?;
    let served = Served {
        client: InteropClient::new(&connection),
        events: watch::Sender::default(),
    };
    let server = connection
        .server()
        .service(InteropServer::new(served))
        .start()
        .await?;
    let serving = server.run();
    println!("ready");
    serving.await?;
    connection.close().await;
    Ok(())
}
