//! A private PostgreSQL, for whoever asks for one: a cluster in a folder of its own, without a port, started and stopped by
//! the programs of Debian's package. It is gone with this process.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::failure::{Doing, Failure, Result};
use crate::roles::{ready, told_to_end};

const DEBIAN: &str = "/usr/lib/postgresql";

pub(crate) async fn run() -> Result<()> {
    let programs = programs()?;
    let folder = tempfile::Builder::new()
        .prefix("flash-sale-postgresql-")
        .tempdir()
        .doing("making a folder for PostgreSQL")?;
    let owner = owner()?;
    if let Some((user, group)) = owner {
        chown(folder.path(), Some(user), Some(group)).doing("giving PostgreSQL its folder")?;
    }
    let cluster = Cluster {
        programs,
        folder: folder.path().to_owned(),
        owner,
    };
    let data = cluster.data();
    let data = data.as_str();
    cluster
        .run(
            "initdb",
            &[
                "-D",
                data,
                "-U",
                "sale",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
        )
        .await?;
    let log = folder.path().join("log");
    // A socket in the folder instead of a port: nobody else can be in the way.
    let options = format!("-c listen_addresses='' -k {}", folder.path().display());
    let started = cluster
        .run(
            "pg_ctl",
            &[
                "start",
                "-w",
                "-D",
                data,
                "-l",
                &log.to_string_lossy(),
                "-o",
                &options,
            ],
        )
        .await;
    if let Err(error) = started {
        return Err(Failure::Unusable(format!(
            "{error}\n{}",
            fs::read_to_string(log).unwrap_or_default()
        )));
    }
    let served = ready(&format!(
        "postgres://sale@localhost/postgres?host={}",
        folder.path().display()
    ));
    if served.is_ok() {
        told_to_end().await;
    }
    cluster
        .run("pg_ctl", &["stop", "-w", "-m", "immediate", "-D", data])
        .await?;
    served
}

struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    /// Who runs it, where that must not be us.
    owner: Option<(u32, u32)>,
}

impl Cluster {
    fn data(&self) -> String {
        self.folder.join("data").to_string_lossy().into_owned()
    }

    async fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            // The server inherits it and would keep a pipe open.
            .stdout(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        let status = command.status().await.doing(format!("running {program}"))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::Unusable(format!(
                "PostgreSQL's {program} ended with {status}"
            )))
        }
    }
}

/// Debian keeps them apart by version, off the PATH; the newest one is taken. Elsewhere they are on it.
fn programs() -> Result<PathBuf> {
    let debian = fs::read_dir(DEBIAN)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        });
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .filter(|(_, folder)| has_programs(folder))
        .max()
        .map(|(_, folder)| folder)
        .or_else(|| std::env::split_paths(&on_path).find(|folder| has_programs(folder)))
        .ok_or_else(|| {
            Failure::Unusable(
                "PostgreSQL is not installed here: apt-get install postgresql, or name a server in DATABASE_URL".into(),
            )
        })
}

fn has_programs(folder: &Path) -> bool {
    folder.join("initdb").is_file() && folder.join("pg_ctl").is_file()
}

/// PostgreSQL refuses to run as root; the user that its package made is there for it.
fn owner() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").doing("looking for the user postgres")?;
    let ids = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let user = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        (name == "postgres").then_some((user, group))
    });
    ids.map(Some).ok_or_else(|| {
        Failure::Unusable(
            "PostgreSQL does not run as root, and there is no user postgres: run this as another user".into(),
        )
    })
}
