//! Keys of what a virtual host holds.

slotmap::new_key_type! {
    pub(crate) struct QueueId;
    pub(crate) struct ConsumerId;
    pub(crate) struct ConnectionId;
}
