"""Brings suites from the package registries into target/, through the registries' own clients."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from places import HERE, ROOT, WORK

DOWNLOADS = WORK / "downloads"
VENV = WORK / "venv"


def say(text: str) -> None:
    print(f"conformance: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode:
        shown = " ".join(map(str, command))[:300]
        raise SystemExit(f"{shown}\nfailed:\n{done.stdout[-1000:]}\n{done.stderr[-1500:]}")
    return done.stdout


def unpack(archive: Path, into: Path) -> None:
    """Without the one folder that archives of sources have around everything."""
    scratch = into.with_name(f"{into.name}.unpacking")
    shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(into, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(scratch, filter="data")
    (inner,) = scratch.iterdir()
    inner.rename(into)
    scratch.rmdir()


def from_pypi(package: str, version: str, into: Path) -> None:
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    run(
        *(python_with_packages(), "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--no-binary", package, "--dest", DOWNLOADS, f"{package}=={version}"),
    )
    name = package.lower().replace("-", "[-_]")
    (archive,) = DOWNLOADS.glob(f"{name}-{version}.tar.gz")
    unpack(archive, into)


def from_npm(package: str, version: str, into: Path) -> None:
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    printed = run("npm", "pack", "--silent", f"{package}@{version}", cwd=DOWNLOADS)
    unpack(DOWNLOADS / printed.split()[-1], into)


def from_crates_io(package: str, version: str, into: Path) -> None:
    dummy = DOWNLOADS / f"crate-{package}"
    (dummy / "src").mkdir(parents=True, exist_ok=True)
    (dummy / "src/lib.rs").write_text("")
    (dummy / "Cargo.toml").write_text(
        f'[package]\nname = "fetch"\nedition = "2021"\n[workspace]\n'
        f'[dependencies]\n{package} = "={version}"\n'
    )
    printed = run("cargo", "metadata", "--format-version", "1", "--quiet", cwd=dummy)
    packages = json.loads(printed)["packages"]
    (manifest,) = (p["manifest_path"] for p in packages if p["name"] == package)
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(Path(manifest).parent, into)


def python_with_packages() -> Path:
    """The interpreter of a venv with all clients and what their suites import."""
    python, wanted = VENV / "bin/python", HERE / "requirements.txt"
    installed = VENV / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted.read_text():
        say(f"Python packages into {VENV}")
        run("python3", "-m", "venv", "--clear", VENV)
        run(python, "-m", "pip", "install", "--quiet", "-r", wanted)
        installed.write_text(wanted.read_text())
    return python


class Debian:
    """apt with lists of its own: the machine's configuration is not touched, and no root needed."""

    # Of what the suites need, the newer release has more, and it can be unpacked anywhere.
    SOURCES_OF = "trixie"

    def __init__(self) -> None:
        self.folder = WORK / "apt"

    def _options(self) -> list[str]:
        return [
            *("-o", "Dir::Etc::sourcelist=/dev/null"),
            *("-o", f"Dir::Etc::sourceparts={self.folder}/sources"),
            *("-o", f"Dir::State::lists={self.folder}/lists"),
            *("-o", f"Dir::Cache={self.folder}/cache"),
            *(
                "-o",
                "APT::Sandbox::User=root",
                "-o",
                "Debug::NoLocking=1",
                "-o",
                "Acquire::Retries=3",
            ),
        ]

    def _apt(self, *arguments: str, cwd: Path | None = None) -> str:
        tool, *rest = arguments
        return run(tool, *self._options(), *rest, cwd=cwd)

    def _ready(self) -> None:
        sources = self.folder / "sources"
        if sources.exists():
            return
        say("lists of Debian packages")
        for folder in ("lists/partial", "cache/archives/partial"):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        told = run(
            *("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)"),
            "Created-By: Packages",
        )
        codename = next(
            line.split("=")[1].strip()
            for line in Path("/etc/os-release").read_text().splitlines()
            if line.startswith("VERSION_CODENAME=")
        )
        mirror = next(
            line.split()[0] for line in told.splitlines() if line.split()[1:] == [codename, "main"]
        )
        scratch = self.folder / "sources.next"
        scratch.mkdir(exist_ok=True)
        (scratch / "conformance.sources").write_text(
            f"Types: deb deb-src\nURIs: {mirror}\nSuites: {codename}\nComponents: main\n"
            "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
            f"Types: deb-src\nURIs: {mirror}\nSuites: {self.SOURCES_OF}\nComponents: main\n"
            "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        )
        scratch.rename(sources)
        self._apt("apt-get", "-q", "update")

    def source(self, package: str, version: str, into: Path) -> None:
        """The upstream part of a source package; mirrors do not always have the rest."""
        self._ready()
        DOWNLOADS.mkdir(parents=True, exist_ok=True)
        for line in self._apt(
            "apt-get", "source", "--print-uris", f"{package}={version}"
        ).splitlines():
            if not line.startswith("'"):
                continue
            uri, name, size, digest = line.split()
            if ".orig.tar." not in name:
                continue
            target = DOWNLOADS / name
            run(
                "curl",
                "--fail",
                "--silent",
                "--show-error",
                "--retry",
                "3",
                "-o",
                target,
                uri.strip("'"),
            )
            kind, _, wanted = digest.partition(":")
            found = hashlib.new(kind.lower(), target.read_bytes()).hexdigest()
            if found != wanted or target.stat().st_size != int(size):
                raise SystemExit(f"{name} is not what the package list says")
            unpack(target, into)
            return
        raise SystemExit(f"no upstream source of {package} {version}")

    def unpacked(self, *packages: str) -> Path:
        """Packages and what they need, unpacked into one folder of target/ and not installed."""
        self._ready()
        done = ROOT / ".unpacked"
        have = set(done.read_text().split()) if done.exists() else set()
        if missing := [package for package in packages if package not in have]:
            say(f"Debian packages: {' '.join(missing)}")
            archives = self.folder / "cache/archives"
            self._apt(
                *("apt-get", "-q", "-y", "--no-install-recommends", "--download-only", "install"),
                *missing,
            )
            for archive in sorted(archives.glob("*.deb")):
                run("dpkg", "-x", archive, ROOT)
                archive.unlink()
            with done.open("a") as file:
                file.write("".join(f"{package}\n" for package in missing))
        return ROOT


DEBIAN = Debian()
