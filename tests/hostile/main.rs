//! Messages made to hurt those who receive them: servers and clients have to stay up, on the same
//! connection, and the message has to be gone.

mod client;
mod headers;
mod peer;
mod server;
mod victim;
