//! The levers of a broker as a program feels them: a client that somebody else wrote, and what it sees break.

mod client;
mod connections;
mod manage;
mod power;
mod queues;
