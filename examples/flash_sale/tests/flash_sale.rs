//! `flash-sale --quick`, on the broker of the test run or on its own: it holds every variant, sells exactly what there is
//! wherever that is promised, and shows it in the form that the README describes.

use std::env;
use std::fs;
use std::process::Command;

const VARIANTS: [&str; 6] = [
    "http",
    "http-row",
    "one-by-one",
    "row",
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
