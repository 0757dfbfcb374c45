//! Keys of what a broker holds. They carry a generation, so one that has outlived its thing finds nothing.

slotmap::new_key_type! {
    pub(crate) struct QueueId;
    pub(crate) struct ConsumerId;
    pub(crate) struct ConnectionId;
}
