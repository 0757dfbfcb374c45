//! Orders to the embedded broker, by its library.

use std::io;

use serde_json::{Value, json};

use super::Order;
use crate::embedded::Levers;

pub(super) async fn carry_out(levers: &Levers, order: &Order) -> io::Result<Value> {
    match order {
        Order::AddVhost { name } => return Ok(json!(levers.add_vhost(name).await?)),
        Order::RemoveVhost { name } => {
            if !levers.remove_vhost(name).await {
                return Err(io::Error::other(format!("there is no vhost {name}")));
            }
        }
        Order::Suspend => levers.suspend().await,
        Order::Resume => levers.restart().await?,
        other => return Err(io::Error::other(format!("no lever for {other:?} yet"))),
    }
    Ok(Value::Null)
}
