"""The functional tests of RabbitMQ's own Java client."""

import shutil
from pathlib import Path

from places import ROOT, SHIMS
from sources import DEBIAN, run

from suites.suite import Suite

PACKAGES = ["librabbitmq-client-java", "junit4", "libhamcrest-java", "libslf4j-java"]
JARS = ["amqp-client", "junit4", "hamcrest", "slf4j-api"]
TESTS = "com.rabbitmq.client.test"

# Left out: what is done with rabbitmqctl (Policies, ConnectionRecovery, permissions, alarms), what
# restarts the broker, and what tests the client alone.
CLASSES = [
    "Bug20004Test",
    "ChannelAsyncCompletableFutureTest",
    "ChannelNumberAllocationTests",
    "CloseInMainLoop",
    "JavaNioTest",
    "LambdaCallbackTest#blockedListener",
    "MultiThreadedChannel",
    "RpcTest",
    "SharedThreadPoolTest",
    "functional.AlternateExchange",
    "functional.BasicConsume",
    "functional.BasicGet",
    "functional.BindingLifecycle",
    "functional.CcRoutes",
    "functional.Confirm",
    "functional.ConnectionOpen",
    "functional.ConsumerCancelNotification",
    "functional.ConsumerCount",
    "functional.ConsumerPriorities",
    "functional.DeadLetterExchange",
    "functional.DefaultExchange",
    "functional.DirectReplyTo",
    "functional.DoubleDeletion",
    "functional.DurableOnTransient",
    "functional.ExceptionHandling",
    "functional.ExceptionMessages",
    "functional.ExchangeDeclare",
    "functional.ExchangeDeleteIfUnused",
    "functional.ExchangeExchangeBindings",
    "functional.ExchangeExchangeBindingsAutoDelete",
    "functional.FrameMax",
    "functional.HeadersExchangeValidation",
    "functional.Heartbeat",
    "functional.InternalExchange",
    "functional.InvalidAcks",
    "functional.InvalidAcksTx",
    "functional.MessageCount",
    "functional.Nack",
    "functional.NoRequeueOnCancel",
    "functional.PerConsumerPrefetch",
    "functional.PerMessageTTL#restartingExpiry",
    "functional.PerQueueTTL",
    "functional.PerQueueVsPerMessageTTL#restartingExpiry",
    "functional.QosTests",
    "functional.QueueExclusivity",
    "functional.QueueLease",
    "functional.QueueLifecycle",
    "functional.QueueSizeLimit",
    "functional.Recover",
    "functional.Reject",
    "functional.RequeueOnChannelClose",
    "functional.RequeueOnConnectionClose",
    "functional.Routing",
    "functional.SaslMechanisms",
    "functional.Tables",
    "functional.Transactions",
    "functional.UnbindAutoDeleteExchange",
    "functional.UnexpectedFrames",
    "functional.UserIDHeader#impersonatedUserId",
    "server.AlternateExchangeEquivalence",
    "server.PriorityQueues",
    "server.XDeathHeaderGrowth",
]


def classpath() -> str:
    """What the machine has installed is not unpacked a second time."""
    found = [
        folder / f"{jar}.jar"
        for jar in JARS
        for folder in (ROOT / "usr/share/java", Path("/usr/share/java"))
    ]
    return ":".join(str(jar) for jar in found if jar.exists())


def fetch(into: Path) -> None:
    if not shutil.which("javac"):
        raise SystemExit("the Java suite needs a JDK (default-jdk-headless)")
    DEBIAN.unpacked(*PACKAGES)
    DEBIAN.source("rabbitmq-java-client", "5.0.0-1.1", into)
    tests = into / "src/test/java"
    names = [name.partition("#")[0].replace(".", "/") for name in CLASSES]
    classes = [tests / TESTS.replace(".", "/") / f"{name}.java" for name in names]
    run(
        *("javac", "-nowarn", "-encoding", "UTF-8", "-d", into / "classes"),
        *("-cp", classpath(), "-sourcepath", tests, *classes, SHIMS / "RunTests.java"),
    )


def command(out: Path) -> list[str]:
    # A process for each class: one that hangs takes no other with it. What some classes do with
    # rabbitmqctl after each test changes nothing.
    script = """
        out=$1 path=$2
        shift 2
        for class; do
            java -Drabbitmqctl.bin=true -Dmake.bin=true -cp "$path" RunTests "$out" "$class"
        done
    """
    classes = [f"{TESTS}.{name}" for name in CLASSES]
    return ["sh", "-c", script, "sh", str(out / "verdicts.tsv"), f"classes:{classpath()}", *classes]


SUITES = [Suite("java", "5.0.0", fetch, command, limit=1200)]
