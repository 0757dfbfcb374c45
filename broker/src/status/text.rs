//! A status as people read it, in a terminal or in the message of a test that failed.

use std::fmt::{Display, Formatter, Result};

use super::{Argument, ConnectionStatus, QueueStatus, Status};

impl Display for Status {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let alarm = match self.memory_alarm {
            true => "; MEMORY ALARM: publishers are blocked",
            false => "",
        };
        writeln!(f, "Messages take {} bytes{alarm}", self.message_bytes)?;
        let names = [
            "vhost",
            "name",
            "ready",
            "unacked",
            "consumers",
            "bytes",
            "properties",
        ];
        table(f, "Queues", &names, self.queues.iter().map(queue))?;
        let names = [
            "number", "name", "client", "user", "vhost", "channels", "unacked", "state",
        ];
        table(
            f,
            "Connections",
            &names,
            self.connections.iter().map(connection),
        )?;
        let exchanges = self.exchanges.iter().map(|exchange| {
            let properties = [
                flag(exchange.durable, "durable"),
                flag(exchange.auto_delete, "auto-delete"),
                flag(exchange.internal, "internal"),
            ];
            vec![
                exchange.vhost.clone(),
                named(&exchange.name, "(default)"),
                exchange.kind.clone(),
                joined(properties.into_iter().flatten(), &exchange.arguments),
            ]
        });
        table(
            f,
            "Exchanges",
            &["vhost", "name", "type", "properties"],
            exchanges,
        )?;
        let bindings = self.bindings.iter().map(|binding| {
            vec![
                binding.vhost.clone(),
                binding.source.clone(),
                binding.routing_key.clone(),
                match binding.to_queue {
                    true => format!("queue {}", binding.destination),
                    false => format!("exchange {}", binding.destination),
                },
            ]
        });
        table(
            f,
            "Bindings",
            &["vhost", "source", "key", "destination"],
            bindings,
        )
    }
}

fn queue(queue: &QueueStatus) -> Vec<String> {
    let owner = queue.owner.map(|owner| format!("exclusive to {owner}"));
    let properties = [
        flag(queue.durable, "durable"),
        flag(queue.auto_delete, "auto-delete"),
        owner,
    ];
    vec![
        queue.vhost.clone(),
        queue.name.clone(),
        queue.ready.to_string(),
        queue.unacked.to_string(),
        queue.consumers.to_string(),
        queue.ready_bytes.to_string(),
        joined(properties.into_iter().flatten(), &queue.arguments),
    ]
}

fn connection(connection: &ConnectionStatus) -> Vec<String> {
    let unacked: usize = connection
        .channels
        .iter()
        .map(|channel| channel.unacked)
        .sum();
    vec![
        connection.handle.to_string(),
        connection.name.clone().unwrap_or_default(),
        connection.peer.to_string(),
        connection.user.clone(),
        connection.vhost.clone(),
        connection.channels.len().to_string(),
        unacked.to_string(),
        flag(connection.blocked, "blocked").unwrap_or_default(),
    ]
}

fn flag(set: bool, name: &str) -> Option<String> {
    set.then(|| name.to_owned())
}

fn named(name: &str, otherwise: &str) -> String {
    match name {
        "" => otherwise.to_owned(),
        name => name.to_owned(),
    }
}

fn joined<'a>(
    properties: impl Iterator<Item = String>,
    arguments: impl IntoIterator<Item = (&'a String, &'a Argument)>,
) -> String {
    let arguments = arguments
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"));
    properties.chain(arguments).collect::<Vec<_>>().join(", ")
}

/// Left-aligned columns as wide as they have to be.
fn table(
    f: &mut Formatter<'_>,
    title: &str,
    names: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result {
    let mut rows: Vec<Vec<String>> = rows
        .map(|row| row.iter().map(|cell| line(cell)).collect())
        .collect();
    writeln!(f, "\n{title}: {}", rows.len())?;
    if rows.is_empty() {
        return Ok(());
    }
    rows.insert(0, names.iter().map(|name| (*name).to_owned()).collect());
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..names.len())
        .map(|column| width(column).unwrap_or(0))
        .collect();
    for row in &rows {
        let mut text = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str(&format!("  {cell:width$}"));
        }
        writeln!(f, "{}", text.trim_end())?;
    }
    Ok(())
}

/// Names may hold anything, line breaks and escape sequences of terminals included.
fn line(cell: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    cell.chars().map(shown).collect()
}
