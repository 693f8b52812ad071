"""The archive, read back by a parser of our own and by cpio where it is installed."""

import shutil
import stat
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import UserError
from helpers.machine.initramfs import (
    Member,
    character_device,
    directory,
    file,
    initramfs,
    members,
    newc,
)
from helpers.machine.modules import Module

FIELDS = (
    *("ino", "mode", "uid", "gid", "nlink", "mtime", "filesize"),
    *("maj", "min", "rmaj", "rmin", "namesize", "check"),
)


def read_back(data: bytes) -> list[tuple[str, dict[str, int], bytes]]:
    """A reader that follows buffer-format.rst and shares no code with the writer."""
    result, at = [], 0
    while True:
        assert at % 4 == 0
        assert data[at : at + 6] == b"070701"
        values = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        head = dict(zip(FIELDS, values, strict=True))
        at += 110
        name = data[at : at + head["namesize"]]
        assert name.endswith(b"\0")
        assert name.count(b"\0") == 1
        end = at + head["namesize"]
        at = (end + 3) // 4 * 4
        assert not any(data[end:at])
        if name == b"TRAILER!!!\0":
            assert head["filesize"] == 0
            assert at == len(data)
            return result
        end = at + head["filesize"]
        assert end <= len(data)
        body, at = data[at:end], (end + 3) // 4 * 4
        assert not any(data[end:at])
        result.append((name[:-1].decode(), head, body))


def test_what_a_machine_gets():
    modules = [Module("virtio_ring", b"\x7fELFring"), Module("virtio_console", b"\x7fELFc")]
    found = read_back(newc(members(b"agent!", modules)))
    assert [name for name, _, _ in found] == [
        *("dev", "proc", "sys", "tmp", "dev/console", "dev/null", "init", "modules"),
        *("modules/00-virtio_ring.ko", "modules/01-virtio_console.ko"),
    ]
    by_name = {name: (head, body) for name, head, body in found}
    head, body = by_name["dev/console"]
    assert stat.S_ISCHR(head["mode"])
    assert (head["rmaj"], head["rmin"], body) == (5, 1, b"")
    head, body = by_name["init"]
    assert (head["mode"], head["nlink"], body) == (stat.S_IFREG | 0o755, 1, b"agent!")
    assert by_name["modules/00-virtio_ring.ko"][1] == b"\x7fELFring"
    assert stat.S_ISDIR(by_name["modules"][0]["mode"])
    assert all(h["mtime"] == h["uid"] == h["gid"] == h["check"] == 0 for _, h, _ in found)


def test_no_modules_no_directory():
    assert "modules" not in [name for name, _, _ in read_back(newc(members(b"x", [])))]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=9)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=5))
def test_any_file_comes_back(files):
    files = [(f"x{name}", data) for name, data in files]
    found = read_back(newc(file(name, data) for name, data in files))
    assert [(name, body) for name, _, body in found] == files


@pytest.mark.parametrize("name", ["", "/init", "../x", "a/../b", "a//b", "a\0b", "./a", "a/"])
def test_names_that_are_refused(name):
    with pytest.raises(ValueError, match="not a name"):
        newc([Member(name, stat.S_IFREG)])


def test_more_modules_than_two_digits_can_sort():
    with pytest.raises(ValueError, match="99"):
        members(b"", [Module(f"m{i}", b"") for i in range(100)])


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_cpio_lists_the_same():
    data = newc([directory("d"), character_device("d/c", 5, 1), file("d/f", b"abc", 0o640)])
    done = subprocess.run(["cpio", "-tv", "--quiet"], input=data, capture_output=True, check=True)
    rows = [line.split() for line in done.stdout.decode().splitlines()]
    assert [(row[0], row[-1]) for row in rows] == [
        ("drwxr-xr-x", "d"),
        ("crw-------", "d/c"),
        ("-rw-r-----", "d/f"),
    ]


def test_cached_by_content(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path / "cache"))
    agent = tmp_path / "agent"
    agent.write_bytes(b"one")
    first = initramfs(agent)
    stamp = first.stat().st_ino
    assert (initramfs(agent), first.stat().st_ino) == (first, stamp)
    assert initramfs(agent, [Module("m", b"\x7fELF")]) != first
    agent.write_bytes(b"two")
    assert initramfs(agent) != first
    assert not list(first.parent.glob(".partial-*"))


def test_no_agent_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="cannot read the agent"):
        initramfs(tmp_path / "none")
