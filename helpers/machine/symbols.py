"""From a call trace to lines of the source, where the kernel's symbols are at hand.

They are in the file vmlinux beside the image, or at the top of the tree that it was built in, and
tell lines only if it was built with CONFIG_DEBUG_INFO.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from helpers.kernel import Kernel
from helpers.machine.complaints import Frame, plain

_SECONDS = 60.0


def decoded(frames: Sequence[Frame], kernel: Kernel) -> tuple[str, ...]:
    """The functions of a call trace, "name" or "name (file:line)"."""
    symbols = find_symbols(kernel)
    lines = _lines(frames, symbols) if symbols is not None and frames else {}
    return tuple(
        f"{plain(frame.function)} ({lines[frame]})" if frame in lines else plain(frame.function)
        for frame in frames
    )


def find_symbols(kernel: Kernel) -> Path | None:
    """The file with a kernel's symbols, None if it is not at hand or nothing can read it."""
    if kernel.image is None or shutil.which("nm") is None or shutil.which("addr2line") is None:
        return None
    image = kernel.image.absolute()
    # of a tree: arch/x86/boot/bzImage
    places = [image.parent, *(image.parents[3:4] if image.name == "bzImage" else ())]
    return next((p for place in places if (p := place / "vmlinux").is_file() and p != image), None)


def _lines(frames: Sequence[Frame], symbols: Path) -> dict[Frame, str]:
    """The lines of those frames that belong to this very build."""
    known = _functions({frame.function for frame in frames}, symbols)
    at: dict[Frame, int] = {}
    for frame in frames:
        address = next((a for a, size in known.get(frame.function, ()) if size == frame.size), None)
        if address is not None:
            # a return address is that of the instruction after the call
            at[frame] = address + frame.offset - frame.return_address
    if not at:
        return {}
    told = _run("addr2line", "-e", str(symbols), *(f"{address:#x}" for address in at.values()))
    return {
        frame: _short(line)
        for frame, line in zip(at, told, strict=False)
        if not line.startswith("??") and not line.endswith(":?")
    }


def _functions(names: set[str], symbols: Path) -> dict[str, list[tuple[int, int]]]:
    """Address and size of functions; static ones may share a name. A size is up to the next one.

    That is how the kernel prints it, kallsyms_lookup() in kernel/kallsyms.c: alignment included.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    last: tuple[str, int] | None = None
    for line in _run("nm", "--numeric-sort", str(symbols)):
        words = line.split()
        if len(words) != 3 or words[1] not in "tTwW":
            continue
        address = int(words[0], 16)
        if last is not None and address > last[1]:
            if last[0] in names:
                found.setdefault(last[0], []).append((last[1], address - last[1]))
            last = None
        if last is None or words[2] in names:
            last = (words[2], address)
    return found


def _run(*argv: str) -> list[str]:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines()


def _short(line: str) -> str:
    """A line without the directory of the build and the discriminator of a branch."""
    path, _, number = line.partition(" (")[0].rpartition(":")
    parts = Path(path).parts
    tops = ("arch", "block", "drivers", "fs", "include", "init", "io_uring", "ipc", "kernel", "lib",
            "mm", "net", "security", "virt")  # fmt: skip
    first = next((n for n, part in enumerate(parts) if part in tops), max(0, len(parts) - 1))
    return f"{'/'.join(parts[first:])}:{number}"
