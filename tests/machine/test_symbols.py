"""From a call trace to lines of the source, with the symbols of a small program as a kernel's."""

import shutil
import subprocess
from pathlib import Path

import pytest

from helpers.kernel import Kernel
from helpers.machine.complaints import Frame
from helpers.machine.symbols import decoded, find_symbols

SOURCE = """\
__attribute__((noinline)) static int inner(volatile int *p)
{
	return *p;
}

__attribute__((noinline)) int outer(volatile int *p)
{
	return inner(p) + 1;
}

int main(int argc, char **argv) { return outer(&argc); }
"""

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("gcc", "nm", "addr2line"))), reason="no compiler"
)


@pytest.fixture
def tree(tmp_path):
    """A tree that was built: its image, and the symbols at its top."""
    (tmp_path / "fs").mkdir()
    (tmp_path / "fs" / "pipe.c").write_text(SOURCE)
    subprocess.run(
        ["gcc", "-g", "-O1", "-static", "-o", "vmlinux", "fs/pipe.c"], cwd=tmp_path, check=True
    )
    boot = tmp_path / "arch/x86/boot"
    boot.mkdir(parents=True)
    (boot / "bzImage").write_bytes(b"")
    return tmp_path


def kernel(tree):
    return Kernel("tree:x", "tree:x", image=tree / "arch/x86/boot/bzImage")


def size(tree, function):
    """Bytes of a function, as the kernel counts them: up to the next symbol."""
    done = subprocess.run(
        ["nm", "--numeric-sort", "vmlinux"], cwd=tree, capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    at = next(n for n, words in enumerate(lines) if words[-1] == function)
    later = (int(w[0], 16) for w in lines[at:] if len(w) == 3 and w[1] in "tTwW")
    start = int(lines[at][0], 16)
    return next(address for address in later if address > start) - start


def test_frames_have_their_lines(tree):
    frames = [
        Frame("inner", 0, size(tree, "inner"), return_address=False),
        Frame("outer", 1, size(tree, "outer")),
    ]
    inner, outer = decoded(frames, kernel(tree))
    assert inner in ("inner (fs/pipe.c:2)", "inner (fs/pipe.c:3)")
    assert outer in ("outer (fs/pipe.c:7)", "outer (fs/pipe.c:8)")


@pytest.mark.parametrize("frame", [Frame("inner", 0, 0x999), Frame("nowhere", 0, 1)])
def test_another_build_has_no_lines(tree, frame):
    assert decoded([frame], kernel(tree)) == (frame.function,)


def test_symbols_are_beside_the_image_or_at_the_top_of_the_tree(tree, tmp_path):
    assert find_symbols(kernel(tree)) == tree / "vmlinux"
    (tree / "vmlinux").rename(tree / "arch/x86/boot/vmlinux")
    assert find_symbols(kernel(tree)) == tree / "arch/x86/boot/vmlinux"
    (tree / "arch/x86/boot/vmlinux").unlink()
    assert find_symbols(kernel(tree)) is None
    assert find_symbols(Kernel("local", "local")) is None


def test_nothing_is_decoded_without_symbols(tmp_path):
    frames = [Frame("pipe_read.isra.0", 1, 2)]
    assert decoded(frames, Kernel("path:x", "path:x", image=tmp_path / "bzImage")) == ("pipe_read",)


def test_symbols_without_lines(tree):
    subprocess.run(["strip", "--strip-debug", "vmlinux"], cwd=tree, check=True)
    frame = Frame("outer", 1, size(tree, "outer"))
    assert decoded([frame], kernel(tree)) == ("outer",)


@pytest.mark.parametrize("name", ["/bzImage", "/tmp/bzImage", "/boot/bzImage", "/a/b/bzImage"])
def test_an_image_that_lies_in_no_tree_has_no_symbols(name):
    assert find_symbols(Kernel("path:x", "path:x", image=Path(name))) is None
