"""The suite of php-amqplib."""

import shutil
from pathlib import Path

import verdicts
from places import ROOT, SHIMS
from sources import DEBIAN

from suites.suite import Suite

PACKAGES = [
    *("php8.2-cli", "php8.2-mbstring", "php8.2-xml", "php8.2-bcmath", "phpunit"),
    "php-phpseclib3",
]
SETTINGS = ["include_path=.:/usr/share/php", "memory_limit=1G"]
EXTENSIONS = ["mbstring", "dom", "xml", "xmlwriter", "bcmath", "posix", "sockets", "tokenizer"]


def fetch(into: Path) -> None:
    DEBIAN.unpacked(*PACKAGES)
    # What the packages' scripts would do: the plain name, which tests call, and the configuration.
    plain = ROOT / "usr/bin/php"
    plain.unlink(missing_ok=True)
    plain.symlink_to("php8.2")
    DEBIAN.source("php-amqplib", "3.7.3-1", into)
    (into / "tests/Functional/Connection/SSLConnectionTest.php").unlink()
    (into / "vendor").mkdir()
    shutil.copy(SHIMS / "php_autoload.php", into / "vendor/autoload.php")
    (into / "php.d").mkdir()
    settings = [*SETTINGS, *(f"extension={name}" for name in EXTENSIONS)]
    (into / "php.d/all.ini").write_text("\n".join(settings) + "\n")


SUITES = [
    Suite(
        "php-amqplib",
        "3.7.3",
        fetch,
        # Without its tests of TLS, and of a fault proxy, and with signals between processes.
        lambda out: [
            *("php", "/usr/bin/phpunit", "--bootstrap", "tests/bootstrap.php"),
            *("--no-configuration", "--verbose", "--exclude-group", "proxy,management,signals"),
            *("--log-teamcity", str(out / "teamcity.txt"), "tests/Functional"),
        ],
        limit=300,
        variables={"TEST_RABBITMQ_HOST": "127.0.0.1", "PHP_INI_SCAN_DIR": "php.d"},
        unpacked=True,
        read=lambda out: verdicts.teamcity(out / "teamcity.txt"),
    ),
]
