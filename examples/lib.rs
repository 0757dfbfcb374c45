//! Contracts shared by the examples, so that a server and its clients cannot drift.
