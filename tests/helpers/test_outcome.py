"""Results compare by value and errno, and never by accident."""

from errno import EAGAIN, EINVAL

import pytest

from helpers.outcome import Err, Ok, Result, from_register


@pytest.mark.parametrize(
    ("raw", "result", "shown"),
    [
        (0, Ok(0), "0"),
        (4096, Ok(4096), "4096"),
        (-EAGAIN, Err(EAGAIN), "-1 EAGAIN (Resource temporarily unavailable)"),
        (-4095, Err(4095), "-1 errno 4095"),
        (-4096, Ok(-4096), "-4096"),
        (-95, Err(95), "-1 EOPNOTSUPP (Operation not supported)"),
        (-35, Err(35), "-1 EDEADLK (Resource deadlock avoided)"),
        (-512, Err(512), "-1 ERESTARTSYS"),
        (0x7F2A1C000000, Ok(0x7F2A1C000000), "0x7f2a1c000000"),
    ],
)
def test_a_register_becomes_a_value_or_an_errno(raw: int, result: Result, shown: str) -> None:
    assert from_register(raw) == result
    assert repr(from_register(raw)) == shown


def test_a_number_means_success() -> None:
    assert Ok(5) == 5
    assert Ok(5) != 6
    assert Err(EINVAL) != -1
    assert Err(EINVAL) != EINVAL
    assert Err(EINVAL) != Err(EAGAIN)
    assert Ok(1) != True  # noqa: E712 - a truth value is no count


def test_a_result_has_no_truth() -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(Ok(1))
