"""Texts of a case for reports: what fits, and what other programs accept."""

import re
from datetime import UTC, datetime

from kernel_matrix.journal import Case
from kernel_matrix.reports.results import KernelResults

LIMIT = 16384
"""Bytes of one log; more of them break CI systems' parsers, and KCIDB allows no more characters."""

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def xml(text: str) -> str:
    """A text without the characters that XML 1.0 cannot hold, escaped or not."""
    return _NOT_XML.sub("", text)


def clean(text: str) -> str:
    """A text without control characters, of which NUL is refused and ESC moves cursors.

    Nor has it lone surrogates, which no file can hold.
    """
    return _NOT_TEXT.sub("", text)


def cut(text: str, limit: int = LIMIT) -> str:
    """A text of at most so many bytes: its beginning, and more of its end."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text
    note = f"\n[... {len(data) - limit} bytes and more left out ...]\n"
    room = max(0, limit - len(note))
    head = data[: room // 4].decode("utf-8", "ignore")
    tail = data[len(data) - (room - room // 4) :].decode("utf-8", "ignore")
    return f"{head}{note}{tail}"


def one_line(text: str) -> str:
    """A text in one line."""
    return " ".join(text.split())


def dotted(ident: str) -> tuple[str, str]:
    """A case's id as a dotted path and a name: ("vmsplice.test_flags", "test_x[row]")."""
    path, _, rest = ident.partition("::")
    path = path.removeprefix("suites/").removesuffix(".py").strip("/")
    *classes, name = rest.split("::") if "::" in rest.partition("[")[0] else [rest]
    return ".".join([*path.split("/"), *classes]), name or path


def explained(case: Case) -> str:
    """Everything that is known of a case: promise, answer, calls, console."""
    parts = []
    if case.clauses:
        strength = f" ({case.strength})" if case.strength else ""
        parts.append(f"clause: {', '.join(case.clauses)}{strength}")
    if case.known:
        parts.append(f"expected to fail: {case.known}")
    if case.expected:
        parts.append(f"expected: {case.expected}")
    if case.observed:
        parts.append(f"observed: {case.observed}")
    parts += [text for text in (case.title, case.message, case.again) if text]
    for number, attempt in enumerate(case.attempts, 2):
        said = attempt.title or attempt.message
        parts.append(f"attempt {number}: {attempt.verdict} {said}".rstrip())
    if case.trace:
        parts.append("call trace:\n" + "\n".join(case.trace))
    for title, text in (("transcript", case.transcript), ("console", case.console)):
        if text.strip():
            parts.append(f"{title}:\n{text.rstrip()}")
    if case.longrepr and case.longrepr.strip() not in case.message:
        parts.append(case.longrepr)
    return "\n".join(parts)


def stamp(seconds: float) -> str:
    """A time in ISO 8601, UTC; "" for one that is not known."""
    if not seconds:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def facts(kernel: KernelResults) -> dict[str, str]:
    """What is known of a kernel and of how it was run, by name; what is not known is not there."""
    boot = kernel.summary.boot_seconds
    found = {
        "kernel": kernel.id,
        "release": kernel.release,
        "version": kernel.version,
        "arch": kernel.arch,
        "sha256": str(kernel.kernel.get("sha256") or ""),
        "origin": str(kernel.kernel.get("origin") or ""),
        "machine": kernel.machine,
        "boot_seconds": "" if boot is None else f"{boot:.3f}",
        "suite": kernel.suite,
        "problem": kernel.summary.problem,
    }
    return {key: value for key, value in found.items() if value}
