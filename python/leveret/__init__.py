"""Typed RPC, tasks and events over RabbitMQ.

Calling a service:

```python
import leveret

with leveret.connect() as client:  # $AMQP_URL, or the broker on this machine
    math = client.service("math")
    print(math.fib(30))
```

and serving one:

```python
@leveret.service("math")
class Math:
    @leveret.rpc
    async def fib(self, n: int) -> int:
        a, b = 0, 1
        for _ in range(n):
            a, b = b, a + b
        return a

leveret.run(Math())
```

Work that may wait is pushed into a queue, and done by whoever takes it:

```python
resize = leveret.TaskQueue("resize", Resize)
client.push(resize, Resize("cat.png", 200))

@leveret.worker(resize)
def handle(job: Resize) -> None: ...

leveret.run(handle)
```

`Events` are published to whoever is interested, `subscriber` says who is.

Every call has a deadline, 10 seconds unless told otherwise, and every failure says whether the
method ran (`error.executed`: no, maybe or yes). `connect_async` gives a client whose calls are
awaited. A class decorated with `service` may be shared: `client.service(Math)` is typed as `Math`.
"""

from __future__ import annotations

from ._client import AsyncClient, Client, Connecting, connect, connect_async
from ._consumer import Consumer, subscriber, worker
from ._context import Context, context
from ._events import Events
from ._leveret import __version__
from ._listen import AsyncListening, Listening
from ._loop import CallFuture
from ._message import Message
from ._method import AsyncMethod, Method
from ._options import QueueOptions, TraceContext
from ._outcome import Reject, Retry
from ._payload import Raw
from ._proxy import AsyncProxy, Proxy
from ._run import run
from ._serve import Serve
from ._server import Server
from ._service import Service, describe, rpc, service
from ._tasks import AsyncDeadLetters, DeadLetter, DeadLetters, QueueInfo, TaskQueue
from .errors import (
    Aborted,
    Application,
    Cancelled,
    Code,
    DeadlineExceeded,
    DomainError,
    Executed,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    LeveretError,
    NoSuchMethod,
    NoSuchService,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
)

__all__ = [
    "Aborted",
    "Application",
    "AsyncClient",
    "AsyncDeadLetters",
    "AsyncListening",
    "AsyncMethod",
    "AsyncProxy",
    "CallFuture",
    "Cancelled",
    "Client",
    "Code",
    "Connecting",
    "Consumer",
    "Context",
    "DeadLetter",
    "DeadLetters",
    "DeadlineExceeded",
    "DomainError",
    "Events",
    "Executed",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "LeveretError",
    "Listening",
    "Message",
    "Method",
    "NoSuchMethod",
    "NoSuchService",
    "PermissionDenied",
    "Proxy",
    "QueueInfo",
    "QueueOptions",
    "Raw",
    "Reject",
    "ResourceExhausted",
    "Retry",
    "Serve",
    "Server",
    "Service",
    "TaskQueue",
    "TraceContext",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "__version__",
    "connect",
    "connect_async",
    "context",
    "describe",
    "rpc",
    "run",
    "service",
    "subscriber",
    "worker",
]
