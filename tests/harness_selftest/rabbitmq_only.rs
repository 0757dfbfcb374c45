//! What the harness does for RabbitMQ alone: folders, processes and scripts of nodes.

mod node;
mod with_broker;
