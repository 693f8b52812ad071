"""The host's time stamp counter, which a guest under software emulation reads too.

A kernel measures it at boot against a timer. On a busy host QEMU runs late in between, and the
guest's clock went wrong by 5 %, once by a factor of 13: deadlines inside of it passed in no time.
"""

import platform
import subprocess
from functools import cache

from helpers.machine.agent import agent_binary


def arguments(arch: str) -> tuple[str, ...]:
    """The kernel argument that makes measuring unnecessary: tsc_early_khz=, from 5.10 on.

    Other hosts' counters are not what an x86_64 guest reads (QEMU, cpu_get_host_ticks()).
    """
    if not arch == platform.machine() == "x86_64":
        return ()
    return (f"tsc_early_khz={_khz()}",)


@cache
def _khz() -> int:
    done = subprocess.run([agent_binary(), "tsc"], capture_output=True, check=True)
    return int(done.stdout)
