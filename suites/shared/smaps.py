"""What /proc/pid/smaps tells of a mapping: proc_pid_smaps(5)."""

import re

from helpers.child import Child
from helpers.memory import Span
from suites.shared.files import text_of


def of_mapping(child: Child, memory: Span, name: str) -> int:
    """A line of the mapping that begins where that memory does, in kilobytes."""
    text = text_of(child, "/proc/self/smaps")
    found = re.search(rf"^0*{memory.address:x}-.*?^{name}:\s+(\d+) kB", text, re.M | re.S)
    assert found, f"/proc/self/smaps has no {name} at {memory.address:#x}"
    return int(found[1])
