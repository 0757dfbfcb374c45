"""Suites of Go clients: amqp091-go."""

import os
import shutil
import sys
from pathlib import Path

import verdicts
from places import ROOT, SHIMS, WORK
from sources import DEBIAN, run

from suites.suite import Suite

GO = ROOT / "usr/lib/go-1.19"
IMPORT = "github.com/rabbitmq/amqp091-go"


def environment(gopath: Path) -> dict[str, str]:
    return {
        **os.environ,
        "GOROOT": str(GO),
        "GOPATH": f"{gopath}:{ROOT / 'usr/share/gocode'}",
        "GOCACHE": str(WORK / "go-cache"),
        "GO111MODULE": "off",
        "CGO_ENABLED": "0",
        "GOFLAGS": "-p=1",
    }


def fetch_amqp091(into: Path) -> None:
    DEBIAN.unpacked("golang-1.19-go", "golang-1.19-src", "golang-uber-goleak-dev")
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    source = into / "src" / IMPORT
    source.parent.mkdir(parents=True)
    DEBIAN.source("golang-github-rabbitmq-amqp091-go", "1.10.0-1", source)
    run(
        *(GO / "bin/go", "test", "-c", "-tags", "integration", "-o", into / "amqp091.test"),
        cwd=source,
        env=environment(into),
    )


SUITES = [
    Suite(
        "amqp091-go",
        "1.10.0",
        fetch_amqp091,
        lambda out: [
            *(sys.executable, str(SHIMS / "each_go_test.py")),
            *(str(GO / "pkg/tool/linux_amd64/test2json"), "./amqp091.test"),
        ],
        limit=600,
        read=lambda out: verdicts.go(out / "output.txt"),
    ),
]
