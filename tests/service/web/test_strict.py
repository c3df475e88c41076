"""Numbers of any size in JSON."""

import json

import pytest
from fastapi import HTTPException

from autoprec_service.web.strict import _parsed


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", 2.0**63),
        ('{"a":-9223372036854775809}', {"a": -(2.0**63)}),
        ("[1, 123456789012345678901 ]", [1, 123456789012345678901.0]),
        ('{"a": [[123456789012345678901]]}', {"a": [[123456789012345678901.0]]}),
        ('{"a":1e+300}', {"a": 1e300}),
        ("[0.1234567890123456789012]", [0.1234567890123456789012]),
        ('{"1234567890123456789012": "9e999"}', {"1234567890123456789012": "9e999"}),
    ],
)
def test_a_whole_number_beyond_64_bits_is_read_as_a_float(body: str, value: object) -> None:
    found = _parsed(body.encode())
    assert json.dumps(value) == json.dumps(found)


@pytest.mark.parametrize("body", ["1e999", "[1E+0999]", '{"a":-1e999}', '{"a": 1e9999 }', f"[1{400 * '0'}]"])
def test_a_number_that_no_float_holds_is_refused(body: str) -> None:
    with pytest.raises(HTTPException) as told:
        _parsed(body.encode())
    assert told.value.status_code in {400, 422}
