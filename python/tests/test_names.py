"""Names on the wire: the same as the Rust macro's."""

import leveret
import pytest
from leveret._names import snake_case


@pytest.mark.parametrize(
    ("python", "wire"),
    [
        ("Math", "math"),
        ("HttpGateway", "http_gateway"),
        ("HTTPGateway", "http_gateway"),
        ("OrdersV2", "orders_v2"),
        ("Flash_Sale", "flash_sale"),
        ("S3", "s3"),
        ("already_snake", "already_snake"),
    ],
)
def test_classes_are_named_in_snake_case(python, wire):
    assert snake_case(python) == wire


@pytest.mark.parametrize("name", ["", "no spaces", "amq.gen", "leveret.x", "x" * 101, "ä"])
def test_names_that_may_not_be_used_are_refused_where_they_are_written(name):
    with pytest.raises(ValueError, match="is no service name"):
        leveret.Service(name)
    with pytest.raises(ValueError, match="is no service name"):
        leveret.service(name)(type("Any", (), {}))
