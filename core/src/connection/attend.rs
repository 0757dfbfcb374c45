//! Consumes on one session after another: attaches to each, and again when it is lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::pauses::Pauses;
use super::{Session, Shared, next_session};
use crate::error::{Code, Error};
use crate::running::Ready;

/// The pause before a lost consumer is attached again, and between failed attempts.
const REATTACH_AFTER: Duration = Duration::from_millis(100);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a consumer ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Stopped,
    /// The session, the channel or the queue is gone.
    Lost,
}

/// What consumes.
pub(crate) trait Attendant: Sync {
    type Attached: Send;

    /// What it consumes, for the log.
    fn queue(&self) -> &str;

    fn attach(
        &self,
        session: &Arc<Session>,
    ) -> impl Future<Output = Result<Self::Attached, Error>> + Send;

    /// Works until it is told to stop, or the session or consumer is lost.
    fn work(
        &self,
        session: &Arc<Session>,
        attached: Self::Attached,
    ) -> impl Future<Output = Ended> + Send;
}

/// Goes on until `stop` is cancelled or the connection closed. `ready` hears of the first success, or why there is none.
pub(crate) async fn attend(
    shared: &Shared,
    stop: &CancellationToken,
    ready: Ready,
    attendant: &impl Attendant,
) {
    let mut ready = Some(ready);
    let mut sessions = shared.sessions();
    let mut pauses = Pauses::from(RETRY_AFTER);
    loop {
        let session = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = shared.stopped().cancelled() => return,
            session = next_session(&mut sessions) => match session {
                Some(session) => session,
                None => return,
            },
        };
        let queue = attendant.queue();
        let attached = attendant.attach(&session).await;
        let pause = pauses.after(&attached);
        let pause = match attached {
            Ok(attached) => {
                if let Some(ready) = ready.take() {
                    let _ = ready.send(Ok(()));
                }
                let ended = attendant.work(&session, attached).await;
                if ended == Ended::Stopped || shared.stopped().is_cancelled() {
                    return;
                }
                tracing::warn!(queue, "the consumer was lost; attaching again");
                REATTACH_AFTER
            }
            Err(error) => {
                // At the start a refusal is told to whoever starts it; later it may well pass.
                if error.code() != Code::Unavailable
                    && let Some(ready) = ready.take()
                {
                    let _ = ready.send(Err(error));
                    return;
                }
                tracing::warn!(queue, %error, "the queue cannot be consumed now");
                pause
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = shared.stopped().cancelled() => {}
            () = sleep(pause) => {}
        }
    }
}
