"""Runs the Python of the guides in `docs` and of the README, section by section, as a reader would.

Each section is one fresh process, its blocks in order. A comment `# 832040` behind a `print`, and a
```text block behind the code, is what must be printed. HTML comments before a block say more:

- `<!-- run: background NAME.py -->` (the name may be left out): a program of its own that serves
  until the section ends; it must then end well on Ctrl-C.
- `<!-- run: file NAME.py -->`: a module that later blocks import.
- `<!-- run: hidden` and code up to `-->`: set-up that readers need not see. `given()` provides what
  the page takes as read, `given_program(PATH, READY)` runs a program of the repository.
- `<!-- run: any order -->` before a text block: its lines may come in any order.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time
import types
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from with_broker import order

ROOT = Path(__file__).resolve().parents[2]
READY = "<<ready>>"
_STEP = re.compile(
    r"<!-- run: (?P<how>hidden)\n(?P<hidden>.*?)^-->$"
    r"|<!-- run: (?P<directive>[^\n]*?) -->\n+(?=```)"
    r"|^```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```$"
    r"|^## (?P<heading>[^\n]*)$",
    re.S | re.M,
)
_PRINTED = re.compile(r"^\s*print\(.*\)\s+# (?P<text>.*)$", re.M)


def sections(page: str) -> dict[str, list[dict[str, Any]]]:
    """The steps of each section that has Python in it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found: dict[str, list[dict[str, Any]]] = {}
    steps: list[dict[str, Any]] = []
    directive = ""
    for match in _STEP.finditer(text):
        line = text.count("\n", 0, match.start()) + 2
        if match["heading"]:
            steps = found.setdefault(match["heading"], [])
        elif match["directive"]:
            directive = match["directive"]
            continue
        elif match["how"]:
            steps.append({"do": "run", "source": match["hidden"], "line": line, "printed": None})
        elif match["language"] == "python":
            do, _, name = (directive or "run").partition(" ")
            printed = [one["text"].rstrip() for one in _PRINTED.finditer(match["body"])]
            step = {"do": do, "name": name, "source": match["body"], "line": line}
            steps.append({**step, "printed": printed or None, "any_order": False})
        elif match["language"] == "text" and steps:
            steps[-1].update(printed=match["body"].splitlines(), any_order=directive == "any order")
        directive = ""
    return {name: steps for name, steps in found.items() if steps}


PAGES = {page: sections(page) for page in ("docs/python.md", "docs/queues.md", "README.md")}
CASES = [
    pytest.param(page, name, id=f"{page}#{re.sub('[^a-z0-9]+', '-', name.lower())}")
    for page, found in PAGES.items()
    for name in found
]


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """The broker at AMQP_URL; a virtual host of its own where orders can be given."""
    if "LEVERET_TEST_ORDERS" not in os.environ:
        yield os.environ["AMQP_URL"]
        return
    host = f"docs-{uuid.uuid4().hex[:8]}"
    yield order("add_vhost", name=host)
    order("remove_vhost", name=host)


@pytest.mark.parametrize(("page", "name"), CASES)
def test_a_section_does_what_it_says(page: str, name: str, broker: str, tmp_path: Path) -> None:
    program = tmp_path / "section.json"
    program.write_text(json.dumps({"page": page, "steps": PAGES[page][name]}))
    done = subprocess.run(
        [sys.executable, __file__, "section", str(program)],
        env={**os.environ, "AMQP_URL": broker},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_the_pages_have_what_is_to_be_run() -> None:
    blocks = [step for found in PAGES.values() for steps in found.values() for step in steps]
    assert len(blocks) > 20
    assert sum(step["printed"] is not None for step in blocks) > 10
    assert PAGES["README.md"]
    assert {step["do"] for step in blocks} <= {"run", "background", "file"}


def test_the_contents_name_every_section() -> None:
    text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    links = re.findall(r"\[([^\]]*)\]\(#([^)]*)\)", text.partition("\n## ")[0])
    assert [title for title, _ in links] == re.findall(r"^## (.*)$", text, re.M)
    for title, anchor in links:
        assert anchor == re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


# What runs in the processes of the sections.


def run_section(path: str) -> None:
    program = json.loads(Path(path).read_text())
    page = program["page"]
    # Type hints are looked up in the module that a class says it is from.
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    namespace = vars(module)
    exec("import asyncio, leveret", namespace)
    sys.path.insert(0, os.getcwd())
    servers: list[tuple[str, subprocess.Popen[str]]] = []
    in_process = contextlib.ExitStack()

    def given_program(path: str, ready: str) -> None:
        servers.append((path, started([str(ROOT / path)], ready)))

    namespace["given"] = lambda: namespace.update(given(in_process))
    namespace["given_program"] = given_program
    try:
        for number, step in enumerate(program["steps"]):
            where = f"{page}, line {step['line']}"
            if step["do"] == "file":
                Path(step["name"]).write_text(step["source"])
            elif step["do"] == "background":
                file = Path(step["name"] or f"program_{number}.py")
                file.write_text(step["source"])
                servers.append((where, started([__file__, "serve", str(file)], READY)))
            elif step["do"] == "run":
                run_block(step, where, namespace)
    finally:
        in_process.close()
        for _, server in servers:
            server.send_signal(signal.SIGINT)
        codes = [(where, server.wait(20)) for where, server in servers]
    for where, code in codes:
        assert code == 0, f"{where}: ended with {code}"


def run_block(step: dict[str, Any], where: str, namespace: dict[str, Any]) -> None:
    # On the line it has in the page, so that tracebacks point there.
    source = "\n" * (step["line"] - 1) + step["source"]
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(source, where.partition(",")[0], "exec", dont_inherit=True), namespace)
            # What comes in any order comes from several threads, and one may not be done yet.
            end = time.monotonic() + 10
            while step.get("any_order") and time.monotonic() < end:
                if out.getvalue().count("\n") >= len(step["printed"]):
                    break
                time.sleep(0.01)
    except BaseException:
        print(out.getvalue())
        raise
    expected = step["printed"]
    if expected is not None:
        printed = [line.rstrip() for line in out.getvalue().splitlines()]
        if step["any_order"]:
            printed, expected = sorted(printed), sorted(expected)
        assert printed == expected, f"{where}: printed {printed}, and the page says {expected}"


def started(program: list[str], ready: str) -> subprocess.Popen[str]:
    server = subprocess.Popen([sys.executable, *program], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    for line in server.stdout:
        if ready in line:
            return server
    raise AssertionError(f"{program} ended with {server.wait()} before it served")


def given(stack: contextlib.ExitStack) -> dict[str, Any]:
    """Services `math` and `log`, a client, and the proxy `math`, as the page's first examples."""
    import leveret

    math, log = leveret.Service("math"), leveret.Service("log")

    @math.rpc
    def fib(n: int) -> int:
        a, b = 0, 1
        for _ in range(n):
            a, b = b, a + b
        return a

    @log.rpc
    def line(text: str) -> None:
        pass

    @log.rpc
    def flush() -> None:
        pass

    stack.enter_context(leveret.Server(math, log).in_thread())
    client = stack.enter_context(leveret.connect())
    return {"client": client, "math": client.service("math")}


def serve(file: str) -> None:
    import leveret

    run = leveret.run

    def run_and_tell(*services: Any, ready: Any = None, **options: Any) -> None:
        def tell() -> None:
            if ready is not None:
                ready()
            print(READY, flush=True)

        run(*services, ready=tell, **options)

    leveret.run = run_and_tell
    sys.path.insert(0, os.getcwd())
    runpy.run_path(file, run_name="__main__")


if __name__ == "__main__":
    {"section": run_section, "serve": serve}[sys.argv[1]](sys.argv[2])
