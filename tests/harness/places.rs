//! Where a test finds what was built or installed for it.

use std::path::{Path, PathBuf};

/// The repository's root.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie one level below the root")
}

/// A binary of the workspace, such as `fib-server`; `make test` builds them all beforehand.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    // The test itself is target/<profile>/deps/<test>, wherever the target folder is.
    let test = std::env::current_exe().expect("the path of this test");
    let path = test.ancestors().nth(2).expect("a target folder").join(name);
    assert!(
        path.exists(),
        "{} is not built: cargo build --workspace --bins --all-features",
        path.display()
    );
    path
}

/// The Python that has the packages of `tests/requirements.txt`.
#[must_use]
pub fn python() -> PathBuf {
    let path = root().join("target/venv/bin/python");
    assert!(path.exists(), "{} is missing: make deps", path.display());
    path
}
