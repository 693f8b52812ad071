"""Cases that look at a file, for test_slots.py; not collected by itself."""

import os

import pytest

from fixtures.cases import clause, needs, table
from helpers.abi import constants as c
from helpers.child import Child

CLAUSE = clause("process_vm_readv:transfer:nothing")


def setting(child: Child) -> str:
    fd = child.must.openat(c.AT_FDCWD, os.environ["STEERED_FILE"], c.O_RDONLY, 0)
    memory = child.memory(16)
    count = child.must.read(fd, memory, 16)
    return child.peek(memory.address, count).decode()


@CLAUSE
def test_always_passes(caller: Child) -> None:
    setting(caller)


@CLAUSE
@table("number", ("one", "1"), ("two", "2"))
def test_fails_with(caller: Child, number: str) -> None:
    assert setting(caller) != number


@CLAUSE
def test_always_fails(caller: Child) -> None:
    assert setting(caller) == "nothing"


@CLAUSE
def test_fails_once(caller: Child, request: pytest.FixtureRequest) -> None:
    failed = pytest.StashKey[bool]()
    wanted = setting(caller) == "3" and "failed" not in _STATE
    if wanted:
        _STATE["failed"] = failed
    assert not wanted


_STATE: dict[str, object] = {}


@CLAUSE
@needs("disposable")
def test_is_skipped(caller: Child) -> None:
    raise AssertionError


def test_waits(caller: Child) -> None:
    if setting(caller) == "4":
        fds = caller.memory(8)
        caller.must.pipe2(fds, 0)
        caller.read(int.from_bytes(fds.read()[:4], "little"), fds, 1)


test_waits = CLAUSE(test_waits)
