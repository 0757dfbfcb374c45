//! The broker at the other end of a socket: who gets in, who is kept waiting, and how it ends.

mod clients;
mod flood;
mod program;
mod raw;
mod times;
