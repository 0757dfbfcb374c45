//! Faults of the broker itself, which others on a shared one would feel.

mod alarm;
mod restart;
mod tasks;
