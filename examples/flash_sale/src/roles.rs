//! What every process of a sale has in common: it says on stdout where it is ready, and it ends when its stdin does, so
//! that it never outlives the command that started it, however that one ended.

use std::io::{Read, Write, stdin, stdout};

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::failure::{Doing, Result};

/// How the line begins that the command waits for.
pub(crate) const READY: &str = "ready ";

/// Says where this process can be found. Call it once, when it can.
pub(crate) fn ready(address: &str) -> Result<()> {
    let mut out = stdout();
    writeln!(out, "{READY}{address}")
        .and_then(|()| out.flush())
        .doing("saying where it is")
}

/// Returns when the command that started this process wants it to end, or has ended itself.
pub(crate) async fn told_to_end() {
    let (end, ended) = oneshot::channel::<()>();
    // Not a task: a runtime waits for reads that have begun, and this one may outlast everything else.
    std::thread::spawn(move || {
        let _ = stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    let _ = ended.await;
}

/// Serves HTTP on a port of its own until told to end.
pub(crate) async fn serve_http(router: Router) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .doing("listening on 127.0.0.1")?;
    let address = listener.local_addr().doing("listening on 127.0.0.1")?;
    let listener = listener.tap_io(|socket| {
        // Without it an answer may wait for an acknowledgement; a socket that refuses is about to fail anyway.
        let _ = socket.set_nodelay(true);
    });
    ready(&address.to_string())?;
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served.doing("serving HTTP"),
        () = told_to_end() => Ok(()),
    }
}
