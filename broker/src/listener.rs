//! Accepts connections, as many as are allowed, and gives each its task.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::connection;
use crate::control::Control;
use crate::session::Peer;
use crate::shared::Shared;

/// After an error that is the machine's, such as too many open files: asking again at once would only fail again.
const BACKOFF: Duration = Duration::from_millis(5);
const BACKOFF_MOST: Duration = Duration::from_secs(1);

/// Accepts for as long as it is polled.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut backoff = BACKOFF;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                backoff = BACKOFF;
                if let Err(error) = admit(stream, &shared) {
                    tracing::debug!(%error, "a connection was gone before it was served");
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MOST);
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

fn admit(stream: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    if shared.refusing.load(Ordering::Relaxed) {
        return Ok(());
    }
    stream.set_nodelay(true)?;
    let peer = Peer {
        address: stream.peer_addr()?,
    };
    let wake = Arc::<Notify>::default();
    let control = Control::new(Arc::clone(&wake));
    let most = shared.settings.max_connections;
    let Some(place) = Place::take(shared, &control, most) else {
        tracing::warn!(peer = %peer.address, most, "refused a connection: too many are open");
        return Ok(());
    };
    let id = place.id;
    let shared = Arc::clone(shared);
    let registry = Arc::clone(&shared);
    let task = tokio::spawn(async move {
        // Left when the task ends, however it ends.
        let _place = place;
        connection::serve(stream, shared, control, wake, peer).await;
    });
    registry.registry.set_task(id, task.abort_handle());
    Ok(())
}

/// One of the connections that a broker may have.
struct Place {
    shared: Arc<Shared>,
    id: u64,
}

impl Place {
    fn take(shared: &Arc<Shared>, control: &Arc<Control>, most: usize) -> Option<Self> {
        let id = shared.registry.enter(control, most)?;
        let shared = Arc::clone(shared);
        Some(Self { shared, id })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.registry.leave(self.id);
    }
}
