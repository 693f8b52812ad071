"""The agent's binary: built from fixtures/agent once for each content and compiler, then cached."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Literal

from helpers.cache import cache_dir, publish, scratch
from helpers.errors import UserError

Variant = Literal["plain", "sanitized"]

SOURCES = Path(__file__).resolve().parents[2] / "fixtures" / "agent"

_BINARIES: dict[Variant, str] = {"plain": "agent", "sanitized": "agent-sanitized"}
_SUFFIXES = frozenset({".c", ".h", ".S"})
_PACKAGES = "make gcc libc6-dev"


def _compiler() -> tuple[str, str]:
    """The compiler that make will use and what it says it is.

    Raises:
        UserError: there is none.
    """
    name = os.environ.get("CC") or "cc"
    words = name.split()
    try:
        done = subprocess.run(
            [*words, "--version"], capture_output=True, text=True, errors="replace", check=False
        )
    except OSError:
        raise UserError(
            f"cannot build the agent: no C compiler {name}; apt-get install {_PACKAGES}"
        ) from None
    return name, done.stdout


def _sources(folder: Path) -> list[Path]:
    names = [p for p in folder.rglob("*") if p.suffix in _SUFFIXES or p.name == "Makefile"]
    return sorted(names)


def source_hash(folder: Path, compiler: str, variant: Variant) -> str:
    """A name for the build: hash of sources, Makefile, the compiler's version and the variant."""
    digest = hashlib.sha256(f"{variant}\0{compiler}\0".encode())
    for path in _sources(folder):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(folder)}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:32]


def agent_binary(variant: Variant = "plain") -> Path:
    """The static agent in the cache, built if its sources or the compiler are new.

    With everything in place this costs the start of `cc --version` and a hash of the sources.

    Args:
        variant: "plain", or "sanitized" (with the address and undefined behaviour sanitizers, not
            static: for the running kernel only).

    Raises:
        UserError: no compiler, no make, no sources, or they do not compile.
    """
    compiler, version = _compiler()
    if not (SOURCES / "Makefile").is_file():
        raise UserError(
            f"cannot build the agent: no Makefile in {SOURCES}; check the tree out again"
        )
    parent = cache_dir() / "agent"
    final = parent / source_hash(SOURCES, f"{compiler}\0{version}", variant)
    binary = final / _BINARIES[variant]
    if not binary.is_file():
        with scratch(parent) as partial:
            _make(partial, variant)
            publish(partial, final)
    return binary


def _make(output: Path, variant: Variant) -> None:
    make = shutil.which("make")
    if make is None:
        raise UserError(f"cannot build the agent: no make; apt-get install {_PACKAGES}")
    argv = [make, "-s", "-C", str(SOURCES), f"O={output}"]
    if variant == "sanitized":
        argv.append("SANITIZE=1")
    # A make that runs us hands its own flags down; they are not meant for this one.
    environment = {
        k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode == 0 and (output / _BINARIES[variant]).is_file():
        return
    lines = (done.stderr + done.stdout).splitlines()
    first = next((line for line in lines if "error" in line.lower() or "cannot find" in line), "")
    raise UserError(
        f"cannot build the agent: {first.strip() or 'make made no binary'};"
        f" install {_PACKAGES}, then see: make -C {SOURCES} O=/tmp/agent-build"
    )
