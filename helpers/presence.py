"""Whether a kernel has process_vmsplice: a fingerprint of answers, never "not ENOSYS".

The numbers of the patches of 2017 (x86_64 333, i386 385, generic 292) belong to io_pgetevents
today, which answers too, but otherwise.
"""

from errno import EBADF, EINVAL, ENOSYS

from helpers.child import Child
from helpers.outcome import Err, Ok, Result

#: Arguments (pid, fd, iov, nr_segs, flags) and the answer that the manual page promises: an empty
#: array transfers nothing whatever the rest is, an unknown flag and a segment too many are EINVAL,
#: a descriptor that is not open is EBADF.
FINGERPRINT: tuple[tuple[tuple[int, int, int, int, int], Result], ...] = (
    ((-1, -1, 0, 0, 0), Ok(0)),
    ((-1, -1, 0, 0, 1 << 31), Err(EINVAL)),
    ((-1, -1, 0, 1025, 0), Err(EINVAL)),
    ((-1, -1, 0, 1, 0), Err(EBADF)),
)


def judge(number: int, answers: list[Result]) -> str:
    """Empty if these are the answers of process_vmsplice, else one line that says why not.

    One may be wrong: it is then a bug of the call, which its own case shows, and not another call.
    """
    pairs = zip(answers, FINGERPRINT, strict=True)
    if sum(answer != expected for answer, (_, expected) in pairs) <= 1:
        return ""
    if all(answer == Err(ENOSYS) for answer in answers):
        return f"call {number} is not there: ENOSYS"
    shown = ", ".join(map(repr, answers))
    wanted = ", ".join(repr(expected) for _, expected in FINGERPRINT)
    return (
        f"call {number} does not answer like process_vmsplice: fingerprint {shown};"
        f" expected {wanted}"
    )


def absent(child: Child) -> str:
    """Ask the kernel; empty if the call is there, else why it is taken to be absent."""
    number = child.numbers.process_vmsplice
    return judge(number, [child.syscall(number, *args) for args, _ in FINGERPRINT])
