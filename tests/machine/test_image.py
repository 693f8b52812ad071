"""What is said of files that are no bzImage."""

import gzip

import pytest

from helpers.errors import UserError
from helpers.machine.image import check_bzimage, explain


def header(size: int = 4096, sectors: int = 1) -> bytes:
    data = bytearray(size)
    data[0x1F1] = sectors
    data[0x1F4:0x1F8] = ((size - (sectors + 1) * 512) // 16).to_bytes(4, "little")
    data[0x1FE:0x200] = b"\x55\xaa"
    data[0x202:0x206] = b"HdrS"
    return bytes(data)


def arm64() -> bytes:
    data = bytearray(4096)
    data[0:2], data[0x38:0x3C] = b"MZ", b"ARM\x64"
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x7fELF" + bytes(4096), "ELF"),
        (gzip.compress(b"x" * 4096), "gzip"),
        (arm64(), "arm64 Image"),
        (b"MZ\0\0zimg" + bytes(4096), "zboot"),
        (b"QFI\xfb" + bytes(4096), "qcow2"),
        (b"!<arch>\ndebian-binary", "package"),
        (b"070701" + bytes(200), "initramfs"),
        (b"\xfd7zXZ\0" + bytes(200), "xz"),
        (b"\x28\xb5\x2f\xfd" + bytes(200), "zstd"),
        (b"", "empty"),
        (bytes(10000), "zeros"),
        (b"#!/bin/sh\n", "HdrS"),
        (header()[:-100], "cut short"),
        (header()[:0x210], "cut short"),
        (header().replace(b"\x55\xaa", b"\x55\x55"), "HdrS"),
    ],
)
def test_one_line_says_what_it_is(tmp_path, data, said):
    path = tmp_path / "bzImage"
    path.write_bytes(data)
    with pytest.raises(UserError, match=said) as caught:
        check_bzimage(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("tail", [b"", b"a signature"])
def test_a_bzimage(tmp_path, tail):
    path = tmp_path / "bzImage"
    path.write_bytes(header() + tail)
    check_bzimage(path)


def test_no_setup_sectors_means_four():
    assert explain(header(sectors=0), 4096) is not None
    assert explain(header(sectors=0), 4096 + 5 * 512) is None


def test_not_a_file(tmp_path):
    with pytest.raises(UserError, match="directory"):
        check_bzimage(tmp_path)
    with pytest.raises(UserError, match="No such file"):
        check_bzimage(tmp_path / "none")
