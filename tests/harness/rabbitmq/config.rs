//! The node's folder and what it holds: configuration, cookie, data, logs and the `ctl` script.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::Builder;
use crate::certs::Certificates;
use crate::ports::{free_port, random};

/// Everything about a node that outlives a restart.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) sbin: PathBuf,
    pub(crate) node_name: String,
    pub(crate) port: u16,
    pub(crate) tls_port: Option<u16>,
    pub(crate) management_port: Option<u16>,
    pub(crate) certificates: Option<Certificates>,
    epmd_port: u16,
    dist_port: u16,
    folder: TempDir,
}

impl Layout {
    pub(crate) fn create(builder: &Builder, sbin: PathBuf) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::Builder::new().prefix("leveret-node-").tempdir()?;
        let certificates = builder
            .tls
            .then(|| Certificates::generate(&folder.path().join("tls")))
            .transpose()?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let layout = Self {
            sbin,
            node_name: format!("leveret-{}-{number}@localhost", std::process::id()),
            port: free_port(),
            tls_port: builder.tls.then(free_port),
            management_port: builder.management.then(free_port),
            certificates,
            epmd_port: free_port(),
            dist_port: free_port(),
            folder,
        };
        layout.write(builder)?;
        Ok(layout)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Gives a command this node's environment and nothing of the machine's own RabbitMQ.
    pub(crate) fn environment(&self, command: &mut Command) {
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(self.variables());
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.path(name).display().to_string();
        let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
        vec![
            // The cookie is read from the home folder, by the node and by rabbitmqctl alike.
            ("HOME", path("")),
            ("LC_ALL", "C.UTF-8".into()),
            ("ERL_EPMD_PORT", self.epmd_port.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
            // A rabbitmqctl that finds the node gone would leave an epmd behind; the guard starts the only one.
            ("ERL_AFLAGS", "-start_epmd false".into()),
            ("ERL_CRASH_DUMP_SECONDS", "0".into()),
            ("RABBITMQ_NODENAME", self.node_name.clone()),
            ("RABBITMQ_DIST_PORT", self.dist_port.to_string()),
            ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
            // These four keep the files under /etc/rabbitmq out.
            ("RABBITMQ_CONFIG_FILES", path("conf.d")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config")),
            ("RABBITMQ_CONF_ENV_FILE", path("rabbitmq-env.conf")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
            ("RABBITMQ_MNESIA_BASE", path("data")),
            ("RABBITMQ_GENERATED_CONFIG_DIR", path("generated")),
            ("RABBITMQ_LOG_BASE", path("")),
            ("RABBITMQ_LOGS", path("rabbit.log")),
            ("RABBITMQ_PID_FILE", path("pid")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", loopback.into()),
            ("RABBITMQ_CTL_ERL_ARGS", loopback.into()),
            // The default range has eleven ports for all rabbitmqctl runs of a machine.
            ("RABBITMQ_CTL_DIST_PORT_MIN", "35672".into()),
            ("RABBITMQ_CTL_DIST_PORT_MAX", "36671".into()),
        ]
    }

    fn write(&self, builder: &Builder) -> io::Result<()> {
        fs::create_dir(self.path("conf.d"))?;
        let plugins = if builder.management {
            "[rabbitmq_management].\n"
        } else {
            "[].\n"
        };
        fs::write(self.path("enabled_plugins"), plugins)?;
        fs::write(self.path("rabbitmq.conf"), self.rabbitmq_conf(builder))?;
        write_with_mode(
            &self.path(".erlang.cookie"),
            &format!("{:016X}", random()),
            0o400,
        )?;
        write_with_mode(&self.path("ctl"), &self.ctl_script(), 0o700)
    }

    fn rabbitmq_conf(&self, builder: &Builder) -> String {
        let mut conf = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\n\
             vm_memory_high_watermark.absolute = 1GB\n\
             disk_free_limit.absolute = 10MB\n",
            self.port,
        );
        if let Some(port) = self.management_port {
            let listener = if builder.tls { "ssl" } else { "tcp" };
            conf += &format!(
                "management.{listener}.ip = 127.0.0.1\n\
                 management.{listener}.port = {port}\n",
            );
        }
        if let (Some(_), Some(certificates)) = (self.management_port, &self.certificates) {
            conf += &format!(
                "management.ssl.cacertfile = {}\n\
                 management.ssl.certfile = {}\n\
                 management.ssl.keyfile = {}\n",
                certificates.ca.display(),
                certificates.server_cert.display(),
                certificates.server_key.display(),
            );
        }
        if let (Some(port), Some(certificates)) = (self.tls_port, &self.certificates) {
            let verify = if builder.client_certificates {
                "verify_peer"
            } else {
                "verify_none"
            };
            conf += &format!(
                "listeners.ssl.1 = 127.0.0.1:{port}\n\
                 ssl_options.cacertfile = {}\n\
                 ssl_options.certfile = {}\n\
                 ssl_options.keyfile = {}\n\
                 ssl_options.verify = {verify}\n\
                 ssl_options.fail_if_no_peer_cert = {}\n",
                certificates.ca.display(),
                certificates.server_cert.display(),
                certificates.server_key.display(),
                builder.client_certificates,
            );
        }
        conf + &builder.config
    }

    fn ctl_script(&self) -> String {
        let mut script =
            String::from("#!/bin/sh\n# rabbitmqctl for this node, from any process.\n");
        for (name, value) in self.variables() {
            script += &format!("export {name}='{value}'\n");
        }
        script
            + &format!(
                "exec '{}' -q \"$@\"\n",
                self.sbin.join("rabbitmqctl").display()
            )
    }
}

fn write_with_mode(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}
