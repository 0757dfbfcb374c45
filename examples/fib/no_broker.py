"""Says why there is no connection, and to whoever tries the examples first how to start a broker:
pika's own words end at ConnectionRefusedError.
"""

START = (
    "nothing listens there: start a broker, by leveret-broker, docker run -p 5672:5672 rabbitmq, "
    "apt install rabbitmq-server, or brew install rabbitmq && brew services start rabbitmq"
)


def reason(error):
    why = repr(error)
    return f"{why}; {START}" if "ConnectionRefusedError" in why else why
