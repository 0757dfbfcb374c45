"""The suite of Ruby's bunny."""

import re
from pathlib import Path

from places import SHIMS
from sources import DEBIAN

from suites.suite import Suite

PACKAGES = ["ruby", "ruby-rspec", "ruby-amq-protocol", "ruby-sorted-set"]

# They want the management plugin, TLS, a fault proxy, or other accounts and virtual hosts.
WITHOUT = [
    "connection_recovery",
    "connection_stop",
    "toxiproxy",
    "tls_connection",
    "default_queue_type",
    "read_only_consumer",
]


def fetch(into: Path) -> None:
    DEBIAN.unpacked(*PACKAGES)
    DEBIAN.source("ruby-bunny", "2.23.0-1", into)
    for spec in into.glob("spec/**/*.rb"):
        text = spec.read_text()
        # The account that its authors create with rabbitmqctl, and packages that are there anyway.
        text = text.replace("bunny_gem", "guest").replace("bunny_password", "guest")
        text = re.sub(r"""(['"])bunny_testbed['"]""", r"\1/\1", text)
        text = text.replace("/bunny_testbed", "/%2F")
        spec.write_text(re.sub(r"(?m)^(require 'bundler'|Bundler\.require.*)$", "", text))
    for name in WITHOUT:
        (into / f"spec/higher_level_api/integration/{name}_spec.rb").unlink()


SUITES = [
    Suite(
        "bunny",
        "2.23.0",
        fetch,
        lambda out: [
            *("ruby", "-Ilib", f"-I{SHIMS}", str(SHIMS / "run_rspec.rb")),
            *("--require", "verdicts_formatter", "--format", "VerdictsFormatter"),
            *("--out", str(out / "verdicts.tsv"), "--format", "documentation"),
            *("--pattern", "spec/{higher_level_api,lower_level_api,issues}/**/*_spec.rb"),
        ],
        limit=600,
        unpacked=True,
    ),
]
