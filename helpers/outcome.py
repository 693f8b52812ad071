"""What a system call answered: a value or an errno, compared and shown as strace does."""

import errno as _errno
import os
from dataclasses import dataclass

#: Results in this range are errors: MAX_ERRNO of include/linux/err.h.
MAX_ERRNO = 4095

#: Where one number has two names, the one that the kernel's headers and manual pages use.
_PREFERRED = {95: "EOPNOTSUPP", 35: "EDEADLK"}
_INTERNAL = {
    512: "ERESTARTSYS",
    513: "ERESTARTNOINTR",
    514: "ERESTARTNOHAND",
    516: "ERESTART_RESTARTBLOCK",
}


def errno_name(number: int) -> str:
    """The symbol of an errno, "errno 999" when there is none.

    The kernel's internal codes (include/linux/errno.h) are named too: one that reaches a program
    is a bug that should be readable.
    """
    name = _PREFERRED.get(number) or _errno.errorcode.get(number) or _INTERNAL.get(number)
    return name or f"errno {number}"


@dataclass(frozen=True, eq=False)
class Result:
    """The answer to one call. Compare it with Ok(value), Err(errno) or a plain number.

    Attributes:
        value: what the call returned; -1 for an error.
        errno: 0 for a success.
        outs: the contents of the OUT and INOUT arguments after the call, in order.
        call: what made it, as text for messages; None for an expectation. No part of equality.
    """

    value: int
    errno: int = 0
    outs: tuple[bytes, ...] = ()
    call: object = None

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.errno == 0

    def __eq__(self, other: object) -> bool:
        """Equal in value and errno; a plain number means success with that value."""
        if isinstance(other, Result):
            return (self.value, self.errno) == (other.value, other.errno)
        if isinstance(other, int) and not isinstance(other, bool):
            return self.errno == 0 and self.value == other
        return NotImplemented

    def __hash__(self) -> int:
        """Of value and errno."""
        return hash((self.value, self.errno))

    def __bool__(self) -> bool:
        """Refused: neither 0 nor an error has an obvious truth."""
        raise TypeError(
            "a Result has no truth value; compare it with Ok(...), Err(...) or a number"
        )

    def __repr__(self) -> str:
        """As strace ends a line: "4096", "-1 EAGAIN (Resource temporarily unavailable)"."""
        if self.errno == 0:
            return str(self.value) if abs(self.value) < 1 << 32 else hex(self.value)
        name = errno_name(self.errno)
        if self.errno in _errno.errorcode:
            return f"-1 {name} ({os.strerror(self.errno)})"
        return f"-1 {name}"


def Ok(value: int) -> Result:
    """The expectation of success with this value."""
    return Result(value)


def Err(errno: int) -> Result:
    """The expectation of exactly this errno."""
    return Result(-1, errno)


def from_register(raw: int, outs: tuple[bytes, ...] = (), call: object = None) -> Result:
    """The Result of what a system call left in its return register."""
    if -MAX_ERRNO <= raw < 0:
        return Result(-1, -raw, outs, call)
    return Result(raw, 0, outs, call)
