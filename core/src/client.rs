//! The calling half.

mod call;

pub use call::{Call, Cast};

/// Calls services. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client;
