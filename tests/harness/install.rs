//! Finds the installed `RabbitMQ`, and speaks up when there is none: a test that needs it is never skipped in silence.

use std::io;
use std::path::{Path, PathBuf};

const MISSING: &str = "rabbitmq-server is not installed, and a private node of it was asked for.\n\
    Install it with `make deps` (Debian and Ubuntu: apt-get install rabbitmq-server), or set\n\
    LEVERET_RABBITMQ_SBIN to the sbin folder of a RabbitMQ that is somewhere else.";

/// The folder with RabbitMQ's own scripts. Debian puts a wrapper on PATH that changes to the user `rabbitmq`;
/// the scripts behind it run as whoever calls them, with data and cookie wherever they are told.
pub(crate) fn sbin() -> io::Result<PathBuf> {
    if let Some(told) = std::env::var_os("LEVERET_RABBITMQ_SBIN") {
        let told = PathBuf::from(told);
        let wrong = || {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!(
                    "LEVERET_RABBITMQ_SBIN={}: no RabbitMQ there",
                    told.display()
                ),
            )
        };
        return if usable(&told) {
            Ok(told)
        } else {
            Err(wrong())
        };
    }
    debian()
        .or_else(on_path)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, MISSING))
}

fn debian() -> Option<PathBuf> {
    std::fs::read_dir("/usr/lib/rabbitmq/lib")
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("sbin"))
        .find(|sbin| usable(sbin))
}

fn on_path() -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .filter_map(|folder| folder.join("rabbitmq-server").canonicalize().ok())
        .filter_map(|server| server.parent().map(Path::to_path_buf))
        .find(|sbin| usable(sbin))
}

/// `rabbitmq-env` lies beside the real scripts and not beside a distribution's wrapper.
fn usable(sbin: &Path) -> bool {
    sbin.join("rabbitmq-server").exists() && sbin.join("rabbitmq-env").exists()
}
