//! A descriptor that is readable while there is something to take: what event loops watch.

#[cfg(unix)]
pub(crate) use unix::Signal;

#[cfg(unix)]
mod unix {
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    /// A socket pair; it works on every Unix, and a wake-up costs one write and one read.
    #[derive(Debug)]
    pub(crate) struct Signal {
        reader: UnixStream,
        writer: UnixStream,
    }

    impl Signal {
        pub(crate) fn new() -> std::io::Result<Self> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            Ok(Self { reader, writer })
        }

        pub(crate) fn fileno(&self) -> i32 {
            self.reader.as_raw_fd()
        }

        pub(crate) fn set(&self) {
            // Full means that it is readable already.
            let _ = (&self.writer).write(&[1]);
        }

        pub(crate) fn clear(&self) {
            let mut bytes = [0; 64];
            while matches!((&self.reader).read(&mut bytes), Ok(64)) {}
        }
    }
}

#[cfg(not(unix))]
pub(crate) use other::Signal;

#[cfg(not(unix))]
mod other {
    /// There is none: `Queue(wake=…)` is the way.
    #[derive(Debug)]
    pub(crate) struct Signal;

    impl Signal {
        pub(crate) fn new() -> std::io::Result<Self> {
            Err(std::io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn fileno(&self) -> i32 {
            -1
        }

        pub(crate) fn set(&self) {}

        pub(crate) fn clear(&self) {}
    }
}
