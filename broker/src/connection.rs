//! The task of one connection: moves bytes between its socket and its [`Session`], keeps the heartbeats and obeys the
//! [`Control`].

mod heartbeat;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::control::Control;
use crate::outbound::Outbound;
use crate::session::{Next, Peer, Session};
use crate::shared::Shared;
use heartbeat::{Beat, Heartbeat};

/// Until when the handshake must be done.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the answer to a close is waited for.
const LINGER: Duration = Duration::from_secs(5);
/// How long a peer that made no sense, or had no right, is left waiting.
const PAUSE: Duration = Duration::from_secs(3);

/// Room for one read; what a frame needs beyond is made when its head has arrived.
const READ: usize = 16 << 10;
/// A connection that fills its reads gets more room, up to this.
const READ_MOST: usize = 128 << 10;

/// Serves one connection to its end. Dropping the future cuts it.
pub(crate) async fn serve(
    stream: TcpStream,
    shared: Arc<Shared>,
    control: Arc<Control>,
    wake: Arc<Notify>,
    peer: Peer,
) {
    let (read, write) = stream.into_split();
    let out = Outbound::new(write, Arc::clone(&wake));
    let session = Session::new(shared, Arc::clone(&out), Arc::clone(&control), peer);
    let connection = Connection {
        read,
        out,
        control,
        session,
        input: BytesMut::new(),
        room: READ,
        received: 0,
        stage: Stage::Handshake,
        over: Instant::now() + HANDSHAKE,
        heartbeat: None,
        stalled: false,
        full: false,
        release: None,
    };
    connection.run(&wake).await;
}

struct Connection {
    read: OwnedReadHalf,
    out: Arc<Outbound>,
    control: Arc<Control>,
    session: Session,
    input: BytesMut,
    room: usize,
    received: u64,
    stage: Stage,
    /// When it is over in every stage but [`Stage::Open`].
    over: Instant,
    heartbeat: Option<Heartbeat>,
    stalled: bool,
    /// The kernel takes no more for now.
    full: bool,
    /// When bytes that are held back may go.
    release: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Handshake,
    Open,
    /// A close went either way: its answer, or the end, is waited for.
    Closing,
    /// What arrives is thrown away until the peer goes.
    Mute {
        /// No more is written either.
        shut: bool,
    },
}

/// The connection is over.
struct Over;

impl Connection {
    async fn run(mut self, wake: &Notify) {
        let timer = sleep_until(self.over);
        tokio::pin!(timer);
        let woken = wake.notified();
        tokio::pin!(woken);
        loop {
            let due = self.due();
            if let Some(due) = due
                && timer.deadline() != due
            {
                timer.as_mut().reset(due);
            }
            let reads = self.reads();
            self.make_room();
            let result = tokio::select! {
                // Reading comes last: a peer that never stops sending would have nothing written to it, no heartbeat
                // either.
                biased;
                () = &mut woken => {
                    woken.set(wake.notified());
                    self.obey()
                }
                () = self.out.writable(), if self.full => {
                    self.look();
                    Ok(())
                }
                () = &mut timer, if due.is_some() => self.tick(),
                read = read(&mut self.read, &mut self.input, reads), if !self.stalled => match read {
                    Ok(0) | Err(_) => {
                        if self.session.is_open() {
                            let peer = self.session.peer().address;
                            tracing::info!(%peer, "the client left without a close");
                        }
                        Err(Over)
                    }
                    Ok(count) => self.received(count),
                },
            };
            if result.is_err() {
                return;
            }
        }
    }

    /// Whether the socket is read. Who is held back may still answer a close.
    fn reads(&self) -> bool {
        let held_back = self.control.is_blocked() || self.out.is_clogged();
        !(self.stalled || held_back && self.stage == Stage::Open)
    }

    fn make_room(&mut self) {
        if self.input.capacity() - self.input.len() < READ / 4 {
            self.input.reserve(self.room);
        }
    }

    fn received(&mut self, count: usize) -> Result<(), Over> {
        self.received += count as u64;
        if let Stage::Mute { .. } = self.stage {
            self.input.clear();
            return Ok(());
        }
        if count >= self.room {
            self.room = (self.room * 2).min(READ_MOST);
        }
        let next = self.session.receive(&mut self.input);
        self.follow(next)
    }

    fn follow(&mut self, next: Next) -> Result<(), Over> {
        match next {
            Next::Abort => return Err(Over),
            Next::Close => {
                self.enter(Stage::Mute { shut: true }, PAUSE);
                self.shut();
            }
            Next::Pause => self.enter(Stage::Mute { shut: false }, PAUSE),
            Next::Read => {
                if self.session.is_closing() {
                    if self.stage != Stage::Closing {
                        self.enter(Stage::Closing, LINGER);
                    }
                } else if self.session.is_open() {
                    self.stage = Stage::Open;
                }
                if self.heartbeat.is_none()
                    && let Some(interval) = self.session.heartbeat()
                {
                    self.heartbeat = Some(Heartbeat::new(interval, Instant::now()));
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, stage: Stage, most: Duration) {
        self.stage = stage;
        self.over = Instant::now() + most;
        // Half a frame may wait for its other half, and an answer behind it.
        if let Stage::Mute { .. } = stage {
            self.input.clear();
        }
    }

    /// Ends the writing side once everything is written.
    fn shut(&self) {
        if self.stage == (Stage::Mute { shut: true }) && self.out.is_done() {
            self.out.close();
        }
    }

    /// The next moment at which something has to be done.
    fn due(&self) -> Option<Instant> {
        let over = (self.stage != Stage::Open).then_some(self.over);
        let beat = match self.stage {
            Stage::Mute { .. } => None,
            _ => self.heartbeat.as_ref().map(Heartbeat::due),
        };
        [over, beat, self.release].into_iter().flatten().min()
    }

    fn tick(&mut self) -> Result<(), Over> {
        let now = Instant::now();
        if self.stage != Stage::Open && now >= self.over {
            if self.stage == Stage::Handshake {
                let peer = self.session.peer().address;
                tracing::warn!(%peer, "a client did not finish its handshake in time");
            }
            return Err(Over);
        }
        if self.release.is_some_and(|release| now >= release) {
            self.out.flush();
            self.look();
        }
        let listens = self.reads();
        if let Some(heartbeat) = &mut self.heartbeat {
            match heartbeat.tick(now, self.received, self.out.written(), listens) {
                Beat::Nothing => {}
                Beat::Send => {
                    self.out.heartbeat();
                    self.out.flush();
                }
                Beat::Silent if self.stage == Stage::Open => {
                    let peer = self.session.peer().address;
                    tracing::warn!(%peer, "a client missed its heartbeats");
                    return Err(Over);
                }
                Beat::Silent => {}
            }
        }
        Ok(())
    }

    fn obey(&mut self) -> Result<(), Over> {
        let orders = self.control.take();
        if orders.abort {
            self.reset();
            return Err(Over);
        }
        if let Some(stalled) = orders.stall {
            self.stalled = stalled;
            self.out.stall(stalled);
        }
        if let Some(delay) = orders.delay {
            self.out.delay(delay);
        }
        if let Some(refusal) = orders.close {
            if let Stage::Mute { .. } = self.stage {
                return Err(Over);
            }
            let next = self.session.close(refusal);
            self.follow(next)?;
        }
        if !self.input.is_empty() && !self.stalled && !self.control.is_blocked() {
            // It arrived before the memory alarm did.
            let next = self.session.receive(&mut self.input);
            self.follow(next)?;
        }
        self.look();
        if self.out.is_closed() && self.stage != (Stage::Mute { shut: true }) {
            return Err(Over);
        }
        Ok(())
    }

    /// The peer shall see a reset rather than an end.
    fn reset(&self) {
        // It is cut either way.
        let _ = self.read.as_ref().set_zero_linger();
        self.out.reset();
    }

    /// Looks at what others have left of the writing to this task.
    fn look(&mut self) {
        self.full = self.out.is_full();
        // Nothing goes before that ends, however long it has been due.
        let held_back = self.full || self.stalled;
        self.release = (!held_back).then(|| self.out.next_release()).flatten();
        if self.out.is_drained() {
            self.session.drained();
        }
        self.shut();
    }
}

/// Reads; or waits only for the end of a peer that is held back. What it has sent stays where it is, and with it an end
/// that comes behind; a reset shows in any case.
async fn read(socket: &mut OwnedReadHalf, input: &mut BytesMut, reads: bool) -> io::Result<usize> {
    if reads {
        return socket.read_buf(input).await;
    }
    if socket.peek(&mut [0]).await? > 0 {
        socket.ready(Interest::ERROR).await?;
    }
    Ok(0)
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.session.end();
        self.out.close();
    }
}

#[cfg(test)]
mod tests;
