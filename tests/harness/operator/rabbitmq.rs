//! Orders to `RabbitMQ`, by `rabbitmqctl`.

use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Connection, Order, Queue};
use crate::ctl;

pub(super) async fn carry_out(script: &Path, url: &str, order: &Order) -> io::Result<Value> {
    let node = Node(script);
    match order {
        Order::Queues => {
            let listed = node.run(&LIST_QUEUES).await?;
            let queues: Vec<Map<String, Value>> = serde_json::from_str(&listed)?;
            let queues: Option<Vec<Queue>> = queues.iter().filter(is_there).map(queue).collect();
            let queues = queues.ok_or_else(|| io::Error::other(listed))?;
            return Ok(serde_json::to_value(queues)?);
        }
        Order::Connections => {
            let listed = node
                .run(&["list_connections", "--silent", "pid", "client_properties"])
                .await?;
            let connections: Vec<_> = listed.lines().filter_map(connection).collect();
            return Ok(serde_json::to_value(connections)?);
        }
        Order::DeleteQueue { name } => node.run(&["delete_queue", name]).await?,
        Order::CloseConnection { id, reason } => {
            node.run(&["close_connection", id, reason]).await?
        }
        Order::CloseConnections { reason } => node.run(&["close_all_connections", reason]).await?,
        Order::SetUser { name, password } => {
            let users = node.run(&["list_users", "--silent"]).await?;
            let known = |line: &str| line.split('\t').next() == Some(name);
            if users.lines().any(known) {
                node.run(&["change_password", name, password]).await?
            } else {
                node.run(&["add_user", name, password]).await?;
                node.permit("/", name).await?
            }
        }
        Order::RemoveUser { name } => node.run(&["delete_user", name]).await?,
        Order::AddVhost { name } => {
            node.run(&["add_vhost", name]).await?;
            node.permit(name, "guest").await?;
            return Ok(json!(super::url_of(url, name)?));
        }
        Order::RemoveVhost { name } => node.run(&["delete_vhost", name]).await?,
        Order::SetMemoryAlarm { on } => {
            let limit = if *on { "1" } else { "1GB" };
            node.run(&["set_vm_memory_high_watermark", "absolute", limit])
                .await?
        }
        Order::Suspend => node.run(&["stop_app"]).await?,
        Order::Resume => node.run(&["start_app"]).await?,
    };
    Ok(Value::Null)
}

const LIST_QUEUES: [&str; 11] = [
    "list_queues",
    "--silent",
    "--formatter",
    "json",
    "name",
    "durable",
    "auto_delete",
    "arguments",
    "messages_ready",
    "messages_unacknowledged",
    "consumers",
];

/// By its script.
struct Node<'a>(&'a Path);

impl Node<'_> {
    async fn run(&self, arguments: &[&str]) -> io::Result<String> {
        ctl::run(self.0, arguments).await
    }

    async fn permit(&self, vhost: &str, user: &str) -> io::Result<String> {
        self.run(&["set_permissions", "-p", vhost, user, ".*", ".*", ".*"])
            .await
    }
}

/// Of a queue that is just being made or deleted, perhaps by another test, the list has the name and no figures.
fn is_there(listed: &&Map<String, Value>) -> bool {
    listed.get("consumers") != Some(&json!(""))
}

fn queue(listed: &Map<String, Value>) -> Option<Queue> {
    let number = |name: &str| listed.get(name)?.as_u64();
    let flag = |name: &str| listed.get(name)?.as_bool();
    // Each is a triple of name, type and value.
    let arguments = listed.get("arguments")?.as_array()?.iter();
    let arguments = arguments.map(|one| Some((one.get(0)?.as_str()?.into(), one.get(2)?.clone())));
    Some(Queue {
        name: listed.get("name")?.as_str()?.into(),
        durable: flag("durable")?,
        auto_delete: flag("auto_delete")?,
        arguments: arguments.collect::<Option<_>>()?,
        ready: number("messages_ready")?,
        unacknowledged: number("messages_unacknowledged")?,
        consumers: number("consumers")?,
    })
}

/// A pid, a tab, and Erlang's notation of the client's properties.
fn connection(line: &str) -> Option<Connection> {
    let (id, properties) = line.split_once('\t')?;
    let name = properties.split_once("{\"connection_name\",\"");
    let name = name.and_then(|(_, rest)| rest.split_once('"'));
    Some(Connection {
        id: id.into(),
        name: name.map_or_else(String::new, |(name, _)| name.into()),
    })
}
