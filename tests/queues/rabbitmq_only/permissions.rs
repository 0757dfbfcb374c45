//! The permissions that docs/protocol.md says suffice do: its table is read, each role gets a login with the rights of its
//! line, and does all that the role may want to do. The embedded broker lets every login do everything.

use std::time::Duration;

use harness::{RabbitMq, Raw, root, within};
use leveret::{
    Connection, Declare, Events, Message, Outcome, QueueOptions, TaskQueue, rpc_service,
};
use serde_json::{Value, json};

use crate::world::{Gate, Journal, TENTH, json as text, quick};

/// No call is to end by its deadline.
const LONG: Duration = Duration::from_secs(120);

/// How the names of a virtual host differ from those of the table, and who comes first there.
struct Variant {
    vhost: &'static str,
    namespace: &'static str,
    keyed: bool,
    workers_first: bool,
}

const VARIANTS: [Variant; 3] = [
    Variant {
        vhost: "plain",
        namespace: "",
        keyed: false,
        workers_first: false,
    },
    Variant {
        vhost: "named",
        namespace: "blue.",
        keyed: false,
        workers_first: true,
    },
    Variant {
        vhost: "keyed",
        namespace: "",
        keyed: true,
        workers_first: true,
    },
];

/// A line of the table.
struct Role {
    name: String,
    /// To configure, write and read.
    rights: [String; 3],
}

fn roles() -> Vec<Role> {
    let page = std::fs::read_to_string(root().join("docs/protocol.md")).expect("the page");
    let table = page
        .split_once("| | configure | write | read |\n")
        .expect("the table");
    let lines = table.1.lines().map(str::trim);
    let lines = lines.take_while(|line| line.starts_with('|')).skip(1);
    let roles = lines.map(|line| {
        let line = line.replace("\\|", "\0");
        let cells = line.split('|').map(|cell| cell.trim().replace('\0', "|"));
        let mut cells = cells.skip(1);
        let name = cells.next().expect("a role").replace('`', "");
        let rights = [(); 3].map(|()| {
            let right = cells.next().expect("a right");
            let right = right.trim_matches('`');
            if right.is_empty() { "^$" } else { right }.to_owned()
        });
        Role { name, rights }
    });
    roles.collect()
}

impl Variant {
    /// As the text below the table says.
    fn right(&self, right: &str) -> String {
        let mut right = right.to_owned();
        if self.keyed {
            right = right
                .replace("math", r"math(\.p[0-9]+(\.lock)?|\.members)?")
                .replace("resize", r"resize(\.p[0-9]+(\.lock|\.marks)?|\.members)?");
        }
        if !self.namespace.is_empty() {
            let namespace = self.namespace.replace('.', "\\.");
            for name in ["math", "resize", "logs", r"leveret\."] {
                right = right.replace(name, &format!("{namespace}{name}"));
            }
            // Queues of one connection have none.
            for own in [r"leveret\.r\.", r"leveret\.c\.", r"leveret\.e\."] {
                right = right.replace(&format!("{namespace}{own}"), own);
            }
        }
        right
    }

    fn url(&self, node: &RabbitMq, login: &str) -> String {
        let url = node.url().replace("guest:guest", login);
        url.replace("%2f", self.vhost)
    }

    fn raw_url(&self, node: &RabbitMq) -> String {
        self.url(node, "guest:guest")
    }

    async fn connect(&self, node: &RabbitMq, roles: &[Role], name: &str) -> Connection {
        let at = roles.iter().position(|role| role.name == name);
        let login = format!("role-{}:secret", at.expect("a line of that role"));
        let connecting = Connection::builder(self.url(node, &login))
            .namespace(self.namespace)
            .connect();
        connecting.await.expect("a connection")
    }

    fn resize(&self) -> TaskQueue<String> {
        let queue = TaskQueue::new("resize").retry(quick(2));
        if self.keyed { queue.keyed(1) } else { queue }
    }

    /// Where tasks are that were pushed.
    fn queue_of_tasks(&self) -> String {
        let end = if self.keyed { ".p0" } else { "" };
        format!("{}resize{end}", self.namespace)
    }
}

/// A login for each role in each virtual host, by one order.
async fn grant(node: &RabbitMq, roles: &[Role]) {
    let mut permissions = Vec::new();
    let mut grant = |vhost: &str, user: String, rights: [String; 3]| {
        let [configure, write, read] = rights;
        permissions.push(json!({
            "vhost": vhost, "user": user, "configure": configure, "write": write, "read": read
        }));
    };
    for variant in &VARIANTS {
        grant(variant.vhost, "guest".into(), [(); 3].map(|()| ".*".into()));
        for (n, role) in roles.iter().enumerate() {
            let rights = role.rights.clone().map(|right| variant.right(&right));
            grant(variant.vhost, format!("role-{n}"), rights);
        }
    }
    let user = |n: usize| json!({"name": format!("role-{n}"), "password": "secret", "tags": ""});
    let users: Vec<Value> = (0..roles.len()).map(user).collect();
    let vhosts: Vec<_> = VARIANTS
        .iter()
        .map(|variant| json!({"name": variant.vhost}))
        .collect();
    let definitions = json!({"users": users, "vhosts": vhosts, "permissions": permissions});
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("definitions.json");
    std::fs::write(&file, definitions.to_string()).expect("a file");
    let file = file.to_str().expect("a path of text");
    node.ctl(&["import_definitions", file]).await;
}

#[rpc_service(name = "math")]
trait Math {
    async fn double(&self, n: u64) -> u64;
    async fn hold(&self, n: u64) -> u64;
}

#[rpc_service(name = "math", partitions = 2)]
trait KeyedMath {
    #[rpc(key = "n")]
    async fn double(&self, n: u64) -> u64;
    #[rpc(key = "n")]
    async fn hold(&self, n: u64) -> u64;
}

/// Opens one gate when a call is held, and another when that is cancelled.
#[derive(Clone, Default)]
struct Adder {
    held: Gate,
    cancelled: Gate,
}

impl Adder {
    async fn held(&self) -> u64 {
        struct Opens<'a>(&'a Gate);

        impl Drop for Opens<'_> {
            fn drop(&mut self) {
                self.0.open();
            }
        }

        let _cancelled = Opens(&self.cancelled);
        self.held.open();
        std::future::pending().await
    }
}

impl Math for Adder {
    async fn double(&self, n: u64) -> u64 {
        n * 2
    }

    async fn hold(&self, _: u64) -> u64 {
        self.held().await
    }
}

impl KeyedMath for Adder {
    async fn double(&self, n: u64) -> u64 {
        n * 2
    }

    async fn hold(&self, _: u64) -> u64 {
        self.held().await
    }
}

async fn calls(variant: &Variant, server: &Connection, caller: &Connection) {
    let adder = Adder::default();
    let serving = server.server();
    let serving = if variant.keyed {
        serving.service(KeyedMathServer::new(adder.clone()))
    } else {
        serving.service(MathServer::new(adder.clone()))
    };
    let serving = serving.start().await.expect("a server");
    let (doubled, held) = if variant.keyed {
        let math = KeyedMathClient::new(caller);
        (
            math.double(21).await,
            math.hold(1).timeout(LONG).into_future(),
        )
    } else {
        let math = MathClient::new(caller);
        (
            math.double(21).await,
            math.hold(1).timeout(LONG).into_future(),
        )
    };
    assert_eq!(doubled.expect("an answer"), 42);
    tokio::select! {
        _ = held => panic!("it is held"),
        () = within("a held call", adder.held.passed()) => {}
    }
    within("the cancel", adder.cancelled.passed()).await;
    within("the server's end", serving.stop()).await;
}

async fn push(variant: &Variant, pusher: &Connection, queue: &TaskQueue<String>, jobs: &[&str]) {
    let tasks = pusher.tasks(queue);
    for job in jobs {
        let mut push = tasks.push(&(*job).to_owned());
        if variant.keyed {
            push = push.key("a");
        }
        push = match *job {
            "later" => push.delay(TENTH),
            "once" => push.dedup("once"),
            _ => push,
        };
        push.await.unwrap_or_else(|error| panic!("{job}: {error}"));
    }
}

async fn tasks(variant: &Variant, node: &RabbitMq, roles: &[Role]) {
    let queue = variant.resize();
    let pusher = variant.connect(node, roles, "pusher of resize").await;
    let jobs = ["now", "later", "once", "fails", "rejected"];
    if !variant.workers_first {
        push(variant, &pusher, &queue, &jobs).await;
    }
    let connection = variant.connect(node, roles, "worker of resize").await;
    let journal = Journal::default();
    let noted = journal.clone();
    let handler = move |job: String, message: Message| {
        let outcome = match &*job {
            "fails" if message.attempt() == 1 => Outcome::retry("at first"),
            "rejected" => Outcome::reject("no"),
            _ => Outcome::Done,
        };
        noted.note(job, &message);
        std::future::ready(outcome)
    };
    let worker = connection
        .worker(&queue)
        .start(handler.clone())
        .await
        .expect("a worker");
    if variant.workers_first {
        push(variant, &pusher, &queue, &jobs).await;
    }
    journal.wait(jobs.len() + 1).await;
    within("the worker's end", worker.stop()).await;

    // Somebody else's, who is gone.
    let raw = Raw::connect(&variant.raw_url(node)).await;
    let tasks = variant.queue_of_tasks();
    assert!(raw.publish("", &tasks, text("left")).await);
    let taker = Raw::connect(&variant.raw_url(node)).await;
    within("a task", taker.consume(&tasks, 1).await.next())
        .await
        .nack(true)
        .await;
    drop(taker);
    let worker = connection
        .worker(&queue)
        .start(handler)
        .await
        .expect("a worker");
    assert_eq!(
        journal.wait(jobs.len() + 2).await[jobs.len() + 1].job,
        "left"
    );
    within("the worker's end", worker.stop()).await;

    let options = QueueOptions::classic().declare(Declare::Never);
    let queue = queue.options(options);
    let role = "pusher of resize that declares nothing";
    let pusher = variant.connect(node, roles, role).await;
    push(variant, &pusher, &queue, &["now", "later"]).await;
}

async fn events(variant: &Variant, node: &RabbitMq, roles: &[Role]) {
    let logs = Events::<String>::topic("logs");
    let publisher = variant.connect(node, roles, "publisher of logs").await;
    let publish = async || {
        let event = "the disk is full".to_owned();
        let published = publisher.events(&logs).publish(&event).key("kern");
        published.await.expect("published");
    };
    if !variant.workers_first {
        publish().await;
    }
    let (group, subscriber) = (
        variant.connect(node, roles, "group audit of logs").await,
        variant.connect(node, roles, "subscriber to logs").await,
    );
    let (kept, seen) = (Journal::default(), Journal::default());
    let (noted, noted_too) = (kept.clone(), seen.clone());
    let kept_by = group
        .subscribe(&logs)
        .key("kern")
        .durable("audit")
        .retry(quick(2))
        .start(move |line: String, message: Message| {
            noted.note(line, &message);
            std::future::ready(Err::<(), _>("no"))
        })
        .await
        .expect("a group");
    let seen_by = subscriber
        .subscribe(&logs)
        .key("kern")
        .start(move |line: String, message: Message| {
            noted_too.note(line, &message);
            std::future::ready(())
        })
        .await
        .expect("a subscriber");
    publish().await;
    assert_eq!(seen.wait(1).await.len(), 1);
    kept.wait(2).await;
    assert_eq!(kept.attempts(), [1, 2]);
    // The dead letter is there when it has stopped.
    within("the group's end", kept_by.stop()).await;
    within("the subscriber's end", seen_by.stop()).await;
    let raw = Raw::connect(&variant.raw_url(node)).await;
    let dead = format!("{}logs.audit.dead", variant.namespace);
    assert_eq!(raw.queue(&dead).await, Some((1, 0)));
}

#[tokio::test]
async fn the_rights_of_the_table_suffice() {
    let node = RabbitMq::start().await;
    let roles = roles();
    grant(&node, &roles).await;
    assert_eq!(roles.len(), 8, "a line of the table has no test");
    for variant in &VARIANTS {
        let server = variant.connect(&node, &roles, "server of math").await;
        let caller = variant.connect(&node, &roles, "caller").await;
        calls(variant, &server, &caller).await;
        tasks(variant, &node, &roles).await;
        events(variant, &node, &roles).await;
    }
    // Nor was anything refused of which nobody waits for the outcome.
    let log = node.log();
    let refused = log
        .lines()
        .find(|line| line.contains("ACCESS_REFUSED") || line.contains("access_refused"));
    assert_eq!(refused, None);
}
