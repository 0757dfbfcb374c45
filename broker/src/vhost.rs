//! Everything that one virtual host holds.

pub(crate) mod arguments;
mod death;
mod erlang;
mod exchanges;
mod headers;
mod ids;
mod topic;
pub(crate) use ids::QueueId;
