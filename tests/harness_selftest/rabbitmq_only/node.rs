//! The private node: what it offers, and that nothing of it stays behind.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{RabbitMq, Raw, RawMessage};

/// The processes that belong to a node: its folder is their HOME.
fn traces(node_folder: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc")
        .expect("a /proc")
        .filter_map(Result::ok);
    let read = |path: &Path, name: &str| {
        String::from_utf8_lossy(&fs::read(path.join(name)).unwrap_or_default()).into_owned()
    };
    processes
        .map(|entry| entry.path())
        .filter(|path| read(path, "environ").contains(&format!("HOME={node_folder}")))
        .map(|path| read(&path, "cmdline").replace('\0', " "))
        .collect()
}

fn folder(node: &RabbitMq) -> PathBuf {
    node.ctl_script().parent().expect("a folder").to_path_buf()
}

#[tokio::test]
async fn starts_answers_and_leaves_nothing_behind() {
    let node = RabbitMq::start().await;
    let folder = folder(&node);
    let name = folder.display().to_string();
    let status = node.ctl(&["eval", "node()."]).await;
    assert!(status.contains(node.node_name()), "{status}");
    assert!(!traces(&name).is_empty());

    drop(node);
    assert_eq!(traces(&name), Vec::<String>::new());
    assert!(!folder.exists());
}

#[tokio::test]
async fn keeps_durable_messages_over_a_restart_and_a_kill() {
    let mut node = RabbitMq::start().await;
    let persistent = RawMessage {
        body: b"kept".into(),
        delivery_mode: Some(2),
        ..Default::default()
    };
    let raw = Raw::connect(&node.url()).await;
    raw.declare("durable").await;
    assert!(raw.publish("", "durable", persistent).await);

    node.restart().await;
    assert_eq!(
        Raw::connect(&node.url()).await.queue("durable").await,
        Some((1, 0))
    );

    node.kill().await;
    assert!(node.try_ctl(&["status"]).await.is_err());
    assert_eq!(
        traces(&folder(&node).display().to_string()),
        Vec::<String>::new(),
        "rabbitmqctl leaves no epmd either"
    );
    node.restart().await;
    assert_eq!(
        Raw::connect(&node.url()).await.queue("durable").await,
        Some((1, 0))
    );
}

#[tokio::test]
async fn stops_and_starts_the_application() {
    let node = RabbitMq::start().await;
    node.ctl(&["stop_app"]).await;
    assert!(
        tokio::net::TcpStream::connect(("127.0.0.1", port(&node.url())))
            .await
            .is_err()
    );
    node.ctl(&["start_app"]).await;
    Raw::connect(&node.url()).await;
}

#[tokio::test]
async fn says_why_it_did_not_start() {
    let error = RabbitMq::builder()
        .config("no_such_setting = 1")
        .try_start()
        .await
        .expect_err("a bad setting");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn listens_with_tls() {
    let node = RabbitMq::builder().mutual_tls().start().await;
    let certificates = node.certificates();
    let mut command = tokio::process::Command::new("openssl");
    command.args(["s_client", "-brief", "-verify_return_error", "-connect"]);
    command.arg(format!("127.0.0.1:{}", port(&node.tls_url())));
    command.arg("-CAfile").arg(&certificates.ca);
    command
        .arg("-cert")
        .arg(&certificates.client_cert)
        .arg("-key")
        .arg(&certificates.client_key);
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .expect("openssl is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("Verification: OK"),
        "{said}"
    );
}

fn port(url: &str) -> u16 {
    url::Url::parse(url).expect("a URL").port().expect("a port")
}
