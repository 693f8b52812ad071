"""A case that fails on every kernel, for test_plain_pytest.py; not collected by itself."""

from errno import EINVAL

from fixtures.cases import clause
from helpers.child import Child
from helpers.outcome import Err


@clause("process_vm_readv:errors:einval-flags")
def test_fails(caller: Child) -> None:
    assert caller.process_vm_readv(0, None, 0, None, 0, 0) == Err(EINVAL)
