//! What the macros generate, seen from a user's crate: names, descriptions, dispatch, domain errors.
//! Nothing here needs a broker.

// A user may give the library any name of their own.
extern crate leveret as other;

mod descriptor;
mod dispatch;
mod domain;
mod hygiene;
mod lints;
mod service;
