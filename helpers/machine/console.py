"""What a console log says about the end of a machine: pure functions over text."""

import re

# In the order of their weight: a panic ends the machine, an oops becomes one through oops=panic.
_FATAL = (
    re.compile(r"Kernel panic - not syncing: .*"),
    re.compile(
        r"(?:BUG: |Oops: |Oops\[|general protection fault|kernel BUG at )"
        r".*|Unable to handle kernel .*"
    ),
    re.compile(
        r"(?:KASAN: |KFENCE: |UBSAN: |rcu: INFO: \S+ (?:self-)?detected stall"
        r"|INFO: task .* blocked for more than ).*"
    ),
    # Before there is a kernel that could panic: its decompressor and the firmware.
    re.compile(
        r"(?:-- System halted|System halted|XZ-compressed data is corrupt|"
        r"ZSTD-compressed data is corrupt|Decoding failed|No bootable device).*"
    ),
)
# Panics that only say that something else was made fatal.
_GENERIC = re.compile(r"Fatal exception|panic_on_\w+ set|=panic set|hung_task|softlockup|RCU Stall")
# CSI and OSC sequences, other two-byte escapes, then whatever controls remain but \n and \t.
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_c]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_STAMP = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[CT]\d+\])? ?")


def clean(text: str) -> str:
    """The text without escape sequences, carriage returns and control characters."""
    return _CONTROL.sub("", _ESCAPE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def last_lines(text: str, count: int = 30) -> str:
    """The last `count` lines that are not empty, cleaned and joined; "" if there are none."""
    lines = [line.rstrip() for line in clean(text).split("\n")]
    return "\n".join([line for line in lines if line][-count:] if count > 0 else [])


def is_final(line: str) -> bool:
    """Whether nothing can follow what find_panic() found: an oops alone may be survived."""
    return "Kernel panic" in line or any(pattern.search(line) for pattern in _FATAL[3:])


def excerpt(text: str, count: int = 30) -> str:
    """What a report shows of a machine's end: the last lines, and those at the first fatal one.

    Without a fatal line these are the last `count` lines; with one everything from it on, of which
    the middle is left out where it has more than twice `count` lines.
    """
    lines = [line.rstrip() for line in clean(text).split("\n")]
    lines = [line for line in lines if line]
    fatal = (at for at, line in enumerate(lines) if any(p.search(line) for p in _FATAL))
    start = min(next(fatal, len(lines)), max(0, len(lines) - count))
    shown = lines[start:]
    if len(shown) > 2 * count:
        left_out = f"[{len(shown) - 2 * count} lines left out]"
        shown = [*shown[:count], left_out, *shown[-count:]]
    return "\n".join(shown)


def find_complaint(text: str) -> str | None:
    """The agent's last word in the kernel log, "agent: no channel ..."; None without one."""
    found = re.findall(r"^agent: .*", "\n".join(unstamped(text)), re.MULTILINE)
    return found[-1] if found else None


def unstamped(text: str) -> list[str]:
    """The cleaned lines without time stamps and blanks at their ends."""
    return [_STAMP.sub("", line).strip() for line in clean(text).split("\n")]


def find_panic(text: str) -> str | None:
    """The line that says best why a kernel died, without its time stamp; None if none does.

    A panic's own reason ("Fatal exception", "kernel: panic_on_warn set") says less than the oops
    before it, so that an oops of the same text is put in front: "BUG: ... (Kernel panic - ...)".
    """
    lines = unstamped(text)
    found: list[str | None] = []
    for pattern in _FATAL:
        hits = (match for line in lines if (match := pattern.search(line)))
        first = next(hits, None)
        found.append(first.group(0).rstrip() if first else None)
    panic, oops, report, early = found
    if panic is None:
        return oops or report or early
    cause = oops or report
    if cause is None or cause in panic or not _GENERIC.search(panic):
        return panic
    return f"{cause} ({panic})"
