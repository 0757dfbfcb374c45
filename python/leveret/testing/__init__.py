"""A broker for tests: started in a millisecond, in this process, with nothing to install.

```python
import leveret
import leveret.testing

with leveret.testing.Broker() as broker, leveret.Server(Math(), url=broker.url).in_thread():
    with leveret.connect(broker.url) as client:
        assert client.service("math").fib(30) == 832040
```

It is the broker of the crate `leveret-broker`: AMQP 0-9-1 for any client, in memory, answering as
RabbitMQ does. With pytest ask for the fixture `leveret_broker`, which is there once the package is
installed. `python -m leveret.broker` runs one as a program.
"""

from __future__ import annotations

from ._broker import Broker
from ._status import (
    BindingStatus,
    ChannelStatus,
    ConnectionStatus,
    ExchangeStatus,
    QueueStatus,
    Status,
)

__all__ = [
    "BindingStatus",
    "Broker",
    "ChannelStatus",
    "ConnectionStatus",
    "ExchangeStatus",
    "QueueStatus",
    "Status",
]
