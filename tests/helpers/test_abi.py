"""The declarations agree with the system's headers; the compiler is asked, in cffi's API mode."""

import importlib.util
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import cffi
import pytest

from helpers import abi
from helpers.abi import constants, generate

HERE = Path(abi.__file__).parent

#: Our structure, its name in the headers, and what fields are called there when not the same.
STRUCTURES: dict[str, tuple[str, dict[str, str]]] = {
    "struct iovec": ("struct iovec", {}),
    "struct timespec": ("struct timespec", {}),
    "struct timeval": ("struct timeval", {}),
    "struct itimerval": ("struct itimerval", {}),
    "struct pollfd": ("struct pollfd", {}),
    "struct rlimit64": ("struct rlimit64", {}),
    "struct cap_header": ("struct __user_cap_header_struct", {}),
    "struct cap_data": ("struct __user_cap_data_struct", {}),
    "struct nlmsghdr": ("struct nlmsghdr", {}),
}
HEADERS = """
#define _GNU_SOURCE
#include <sys/uio.h>
#include <sys/time.h>
#include <sys/resource.h>
#include <poll.h>
#include <linux/capability.h>
#include <linux/netlink.h>
"""


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """An API-mode module whose structures the compiler lays out as the headers have them."""
    directory = tmp_path_factory.mktemp("abi")
    builder = cffi.FFI()
    declared = []
    for ours, (theirs, _) in STRUCTURES.items():
        ctype = abi.ffi.typeof(ours)
        fields = " ".join(f"{_declare(field.type.cname, name)};" for name, field in ctype.fields)
        declared.append(f"{theirs} {{ {fields} ...; }};")
    builder.cdef("\n".join(declared))
    builder.set_source("_verified_abi", HEADERS)
    path = builder.compile(tmpdir=str(directory))
    spec = importlib.util.spec_from_file_location("_verified_abi", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["_verified_abi"] = module
    spec.loader.exec_module(module)
    return module


def _declare(ctype: str, name: str) -> str:
    return f"{ctype} {name}"


@pytest.mark.parametrize("ours", STRUCTURES)
def test_a_structure_has_the_layout_of_the_headers(verified: Any, ours: str) -> None:
    theirs = STRUCTURES[ours][0]
    mine, real = abi.ffi.typeof(ours), verified.ffi.typeof(theirs)
    assert abi.ffi.sizeof(ours) == verified.ffi.sizeof(theirs)
    layout = {name: (field.offset, abi.ffi.sizeof(field.type)) for name, field in mine.fields}
    assert layout == {n: (f.offset, verified.ffi.sizeof(f.type)) for n, f in real.fields}


@pytest.mark.parametrize(
    ("ctype", "size", "offsets"),
    [
        # include/linux/compat.h and arch/x86/include/asm/signal.h are in no header for programs
        ("struct compat_iovec", 8, {"iov_base": 0, "iov_len": 4}),
        ("struct epoll_event", 12, {"events": 0, "data": 4}),
        # include/uapi/linux/stat.h: only the first fields are named
        (
            "struct statx_head",
            256,
            {
                "stx_mask": 0,
                "stx_blksize": 4,
                "stx_attributes": 8,
                "stx_nlink": 16,
                "stx_uid": 20,
                "stx_gid": 24,
                "stx_mode": 28,
                "unnamed": 30,
                "stx_ino": 32,
                "stx_size": 40,
                "stx_blocks": 48,
                "stx_attributes_mask": 56,
                "stx_atime": 64,
                "stx_btime": 80,
                "stx_ctime": 96,
                "stx_mtime": 112,
                "rest": 128,
            },
        ),
        # include/uapi/linux/xfrm.h: struct xfrm_usersa_info and _id, what they are made of as bytes
        (
            "struct xfrm_association",
            224,
            {
                "selector": 0,
                "daddr": 56,
                "spi": 72,
                "proto": 76,
                "padding": 77,
                "saddr": 80,
                "limits": 96,
                "current": 160,
                "replay_window_exceeded": 192,
                "replayed": 196,
                "integrity_failed": 200,
                "seq": 204,
                "reqid": 208,
                "family": 212,
                "mode": 214,
                "replay_window": 215,
                "flags": 216,
                "unnamed": 217,
            },
        ),
        (
            "struct xfrm_association_id",
            24,
            {"daddr": 0, "spi": 16, "family": 20, "proto": 22, "unnamed": 23},
        ),
        ("struct kernel_sigaction", 32, {"handler": 0, "flags": 8, "restorer": 16, "mask": 24}),
    ],
)
def test_a_structure_that_no_header_has(ctype: str, size: int, offsets: dict[str, int]) -> None:
    assert abi.ffi.sizeof(ctype) == size
    assert {name: field.offset for name, field in abi.ffi.typeof(ctype).fields} == offsets


def test_every_constant_is_what_the_headers_say() -> None:
    lists = generate.sources()
    for header, names in lists["constants"].items():
        assert isinstance(names, list)
        for name, value in generate.constants_of(header, names).items():
            assert getattr(constants, name) == value, f"{name} in <{header}>"


@pytest.mark.parametrize("arch", ["x86_64", "i386"])
def test_every_number_is_what_the_headers_say(arch: str) -> None:
    header = generate.sources()["numbers"][arch]
    assert isinstance(header, str)
    numbers = generate.numbers_of(header, generate.call_names())
    assert dict(abi.numbers(arch)) == numbers


def test_every_declared_call_has_a_number() -> None:
    assert set(abi.prototypes()) - set(abi.numbers("x86_64")) == generate.UNNUMBERED


def test_an_architecture_is_data() -> None:
    tables = tomllib.loads((HERE / "numbers.toml").read_text(encoding="utf-8"))
    assert all(isinstance(number, int) for table in tables.values() for number in table.values())
    with pytest.raises(KeyError):
        abi.numbers("pdp11")
