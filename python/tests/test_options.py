"""Options: merged from the general to the special, and refused where they are written."""

from typing import Any

import leveret
import pytest
from leveret._options import NO_OPTIONS, connection_settings


def test_options_are_merged() -> None:
    options = NO_OPTIONS.merged({"timeout": 2, "metadata": {"a": "1"}})
    options = options.merged({"metadata": {"b": "2"}, "when_blocked": "wait", "trace": "00-1-2-01"})
    assert options.target_settings() == {
        "timeout": 2.0,
        "metadata": (("a", "1"), ("b", "2")),
        "wait_when_blocked": True,
        "trace": ("00-1-2-01", None, None),
    }


@pytest.mark.parametrize(
    "given",
    [
        {"timeuot": 1},
        {"timeout": "1"},
        {"timeout": True},
        {"metadata": {"a": 1}},
        {"metadata": "a"},
        {"codec": "xml"},
        {"priority": 256},
        {"fail_fast": 1},
        {"when_blocked": "maybe"},
        {"trace": 5},
    ],
)
def test_what_does_not_fit_is_a_type_error(given: Any) -> None:
    with pytest.raises(TypeError):
        NO_OPTIONS.merged(given)


def test_times_are_finite_and_not_negative() -> None:
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="timeout"):
            NO_OPTIONS.merged({"timeout": wrong})


def test_connection_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMQP_URL", "amqp://elsewhere")
    settings, calls = connection_settings(
        None, {"name": "n", "timeout": 3, "backoff": (1, 2), "ca": b"PEM", "user_id": None}
    )
    assert settings == {
        "urls": ["amqp://elsewhere"],
        "name": "n",
        "backoff": (1.0, 2.0),
        "ca": ["PEM"],
    }
    assert calls.given == {"timeout": 3.0}
    assert connection_settings(["a", "b"], {})[0] == {"urls": ["a", "b"]}
    with pytest.raises(TypeError, match="no option 'nmae'"):
        connection_settings(None, {"nmae": "n"})
    with pytest.raises(ValueError, match="at least 1"):
        connection_settings(None, {"max_message_size": 0})


def test_the_management_api_is_named_by_a_url() -> None:
    api = "http://rabbit:15672"
    assert connection_settings("a", {"management": api})[0]["management"] == api
    assert "management" not in connection_settings("a", {"management": None})[0]
    with pytest.raises(TypeError, match="management is a str"):
        connection_settings("a", {"management": 15672})


def test_queue_options() -> None:
    assert leveret.QueueOptions(kind="quorum").as_settings()["kind"] == "quorum"
    with pytest.raises(TypeError, match="kind is one of"):
        leveret.QueueOptions(kind="lazy")  # type: ignore[arg-type]
