//! What browsers report, and the two queues that it goes through.

use leveret::TaskQueue;
use serde::{Deserialize, Serialize};

/// An error on a page.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Where it was.
    pub page: String,
    /// What the browser says.
    pub message: String,
}

/// As they come in.
pub fn reports() -> TaskQueue<Report> {
    TaskQueue::new("reports")
}

/// Worked off, to be written.
pub fn rows() -> TaskQueue<Report> {
    TaskQueue::new("reports.rows")
}
