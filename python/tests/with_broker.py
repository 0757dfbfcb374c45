"""Orders to the broker of the run, as an operator gives them: `tests/bin/with-broker.rs` carries
them out, whichever broker it is. `tests/harness/operator.rs` has the list.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

import pytest


def order(do: str, **what: Any) -> Any:
    """Has it carried out, and gives the answer.

    Raises:
        RuntimeError: when it cannot be carried out.
    """
    address = os.environ.get("LEVERET_TEST_ORDERS")
    if not address:
        pytest.fail("this test orders its broker about: run it by target/debug/with-broker", False)
    host, _, port = address.rpartition(":")
    with (
        socket.create_connection((host, int(port))) as connection,
        connection.makefile("rw", encoding="utf-8") as lines,
    ):
        lines.write(json.dumps({"do": do, **what}) + "\n")
        lines.flush()
        answer = json.loads(lines.readline())
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["ok"]
