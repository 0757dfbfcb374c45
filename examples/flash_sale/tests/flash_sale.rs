//! `flash-sale --quick`, on the broker of the test run or on its own: it holds every variant, sells exactly what there is
//! wherever that is promised, and shows it in the form that the README describes.

use std::env;
use std::fs;
use std::process::Command;

const VARIANTS: [&str; 10] = [
    "http",
    "http-row",
    "http-grouped",
    "one-by-one",
    "one-grouped",
    "keyed",
    "row",
    "row-grouped",
    "row-short-cut",
    "row-node",
];

fn sale(name: &str, options: &[&str]) -> (String, String) {
    let out = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_flash-sale"))
        .args(["--quick", "--namespace", &format!("{name}."), "--gateway"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/gateway.js"))
        .arg("--out")
        .arg(out.path())
        .args(options)
        .env_remove("DATABASE_URL")
        .output()
        .expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    let picture = fs::read_to_string(out.path().join("throughput.svg")).expect("a picture");
    (text, picture)
}

fn check(text: &str, picture: &str) {
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip_while(|line| !line.starts_with("variant "))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_whitespace().collect())
        .collect();
    let names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(names, VARIANTS, "{text}");
    for row in &rows {
        let [
            name,
            clients,
            throughput,
            _ratio,
            p50,
            p99,
            longest,
            success,
            orders,
            errors,
        ] = row[..]
        else {
            panic!("ten columns: {row:?}");
        };
        let number = |text: &str| text.parse::<f64>().expect("a number");
        assert_eq!(clients, "20");
        assert!(number(throughput) > 0.0);
        assert!(
            number(p50) <= number(p99) && number(p99) <= number(longest),
            "{row:?}"
        );
        assert_eq!((success, errors), ("100.00%", "0"), "{row:?}");
        // How many the naive service sells is its own affair.
        if name == "http" {
            assert!(number(orders) >= 10.0, "{row:?}");
        } else {
            assert_eq!(orders, "10", "{row:?}");
        }
        assert!(picture.contains(name), "{name} is not in the picture");
    }
    assert!(picture.starts_with("<svg"), "{picture}");
}

/// Whether there is one that `flash-sale` finds; in CI there must be.
fn postgresql_is_there() -> bool {
    let debian = fs::read_dir("/usr/lib/postgresql").is_ok_and(|versions| versions.count() > 0);
    let path = env::var_os("PATH").unwrap_or_default();
    debian || env::split_paths(&path).any(|folder| folder.join("initdb").is_file())
}

#[test]
fn quick_does_the_same_on_postgresql() {
    if !postgresql_is_there() && env::var_os("CI").is_none() {
        eprintln!("not run: PostgreSQL is not installed here (apt-get install postgresql)");
        return;
    }
    let (text, picture) = sale("quick-postgresql", &["--postgresql"]);
    assert!(text.contains("PostgreSQL"), "{text}");
    check(&text, &picture);
}

#[test]
fn quick_sells_exactly_what_there_is() {
    let (text, picture) = sale("quick", &[]);
    assert!(text.contains("SQLite"), "{text}");
    check(&text, &picture);
}

#[test]
fn a_broker_that_is_not_there_is_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_flash-sale"))
        .arg("--quick")
        .env("AMQP_URL", "amqp://127.0.0.1:1/%2f")
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("Unavailable") && errors.contains("127.0.0.1:1"),
        "{errors}"
    );
}

#[cfg(target_os = "linux")]
mod ended_early {
    use std::fs;
    use std::process::{Command, Stdio};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    /// State and parent of a process that there is.
    fn stat(process: u32) -> Option<(String, u32)> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name, in brackets, may hold anything.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
    }

    /// Whether it has ended; nobody may have asked yet how.
    fn ended(process: u32) -> bool {
        stat(process).is_none_or(|(state, _)| state == "Z")
    }

    fn children(of: u32) -> Vec<u32> {
        let processes = fs::read_dir("/proc").expect("/proc").flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter(|id| stat(*id).is_some_and(|(_, parent)| parent == of) && !ended(*id))
            .collect()
    }

    fn eventually(what: &str, holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < Duration::from_secs(60), "{what}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Ends a sale by a signal while its processes run, and returns its exit code. They must be gone soon.
    fn end_by(signal: &str) -> Option<i32> {
        let mut sale = Command::new(env!("CARGO_BIN_EXE_flash-sale"))
            .args([
                "--rounds",
                "1000",
                "--only",
                "row",
                "--clients",
                "20",
                "--namespace",
            ])
            .arg(format!("ended-by-{signal}."))
            .env_remove("AMQP_URL")
            .env_remove("DATABASE_URL")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        let id = sale.id();
        // A broker, three order services and a front end.
        eventually("all processes run", || children(id).len() == 5);
        let processes = children(id);
        let killed = Command::new("kill")
            .args(["-s", signal, &id.to_string()])
            .status();
        assert!(killed.expect("kill runs").success());
        let code = sale.wait().expect("it ends").code();
        eventually("no process stays behind", || {
            processes.iter().all(|id| ended(*id))
        });
        code
    }

    #[test]
    fn by_ctrl_c_leaves_no_process_behind() {
        assert_eq!(end_by("INT"), Some(130));
    }

    #[test]
    fn by_kill_leaves_no_process_behind() {
        assert_eq!(end_by("KILL"), None);
    }
}
