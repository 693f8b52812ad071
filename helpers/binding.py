"""From a prototype and Python arguments to the bytes of a call, and to strace's text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeGuard

from helpers import abi, wire
from helpers.abi import Param, Prototype, constants, ffi
from helpers.outcome import Result
from helpers.wire import Abi, Arg

_REGISTER_LOW, _REGISTER_HIGH = -(1 << 63), (1 << 64) - 1
_IOVEC_SHOWN = 4

#: Parameters whose value is shown by name: (call, parameter) -> prefix of the constants, and
#: whether it is a mask of several. "*" stands for every call.
_SYMBOLS: dict[tuple[str, str], tuple[str, bool]] = {
    ("vmsplice", "flags"): ("SPLICE_F_", True),
    ("process_vmsplice", "flags"): ("SPLICE_F_", True),
    ("splice", "flags"): ("SPLICE_F_", True),
    ("tee", "flags"): ("SPLICE_F_", True),
    ("mmap", "prot"): ("PROT_", True),
    ("mprotect", "prot"): ("PROT_", True),
    ("mmap", "flags"): ("MAP_", True),
    ("madvise", "advice"): ("MADV_", False),
    ("openat", "dirfd"): ("AT_FDCWD", False),
    ("openat", "flags"): ("O_", True),
    ("pipe2", "flags"): ("O_", True),
    ("fcntl", "cmd"): ("F_", False),
    ("unshare", "flags"): ("CLONE_", True),
    ("kill", "sig"): ("SIG", False),
    ("tgkill", "sig"): ("SIG", False),
    ("rt_sigaction", "sig"): ("SIG", False),
    ("prctl", "option"): ("PR_", False),
    ("ptrace", "request"): ("PTRACE_", False),
    ("memfd_create", "flags"): ("MFD_", True),
}


class Span(Protocol):
    """A stretch of memory: what a segment of an iovec can be made of."""

    @property
    def address(self) -> int:
        """The address of its first byte."""
        ...

    @property
    def length(self) -> int:
        """Its length in bytes."""
        ...


Segment = Span | tuple[int | None, int]


def _is_span(value: object) -> TypeGuard[Span]:
    """Whether it is a Span; isinstance() of a protocol takes longer than a call."""
    return hasattr(value, "address") and hasattr(value, "length")


@dataclass(frozen=True)
class Encoded:
    """A call ready to be sent.

    Attributes:
        body: its part of a CALL frame.
        text: the call as strace shows it, made when it is asked for.
        give_back: C objects to be overwritten by what the call left, one for each returned blob.
        pointer: whether the result is an address.
    """

    body: bytes
    text: Callable[[], str]
    give_back: tuple[Any, ...] = ()
    pointer: bool = False

    def __str__(self) -> str:
        """The call as strace shows it."""
        return self.text()


def encode(
    prototype: Prototype, number: int, args: Sequence[Any], entry: Abi = Abi.NATIVE
) -> Encoded:
    """Check the arguments against the prototype and code them.

    A number is passed as it is. For a pointer: None, an address, a span of memory; bytes or text
    for a pointer to const; a C object made by abi.new; a list of segments for an iovec array.

    Raises:
        TypeError: wrong count, or a type that the parameter does not take.
        OverflowError: a number outside the parameter's C type.
    """
    if len(args) != len(prototype.params):
        raise TypeError(
            f"{prototype.name}() takes {len(prototype.params)} arguments,"
            f" {len(args)} were given: {prototype}"
        )
    body = bytearray(wire.varint(number) + wire.varint(len(args)))
    give_back = []
    for param, value in zip(prototype.params, args, strict=True):
        if entry is Abi.I386 and param.text == "loff_t":
            raise TypeError(
                f"{prototype.name}() takes {param.name} in two registers on i386: use syscall()"
            )
        coded, returned = _encode_one(prototype, param, value, entry)
        body += coded
        if returned is not None:
            give_back.append(returned)
    pointer = prototype.result.endswith("*")
    return Encoded(bytes(body), lambda: show(prototype, args), tuple(give_back), pointer)


def encode_raw(number: int, args: Sequence[int]) -> Encoded:
    """A call by its number with plain registers: no prototype, no checks but that they fit.

    Raises:
        TypeError: more than six arguments, or one that is not a number.
        OverflowError: a number outside 64 bits.
    """
    if len(args) > wire.MAX_ARGS or not all(isinstance(a, int) for a in args):
        raise TypeError(f"syscall() takes a number and up to {wire.MAX_ARGS} integers")
    body = wire.varint(number) + wire.varint(len(args)) + b"".join(map(_value, args))
    shown = ", ".join([str(number), *map(_number, args)])
    return Encoded(body, lambda: f"syscall({shown})")


def _value(value: int) -> bytes:
    return bytes((Arg.VALUE,)) + wire.svarint(value)


def _encode_one(prototype: Prototype, param: Param, value: Any, entry: Abi) -> tuple[bytes, Any]:
    """The bytes of one argument, and the object to be overwritten if the call may write to it."""
    if not param.is_pointer:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _type_error(prototype, param, value, "a number")
        low, high = param.low, param.high
        if entry is Abi.I386 and high > 0xFFFFFFFF:
            low, high = max(low, -(1 << 31)), 0xFFFFFFFF
        if not low <= value <= high:
            raise OverflowError(
                f"{prototype.name}(): {param.name}={value} does not fit into {param.text};"
                " use syscall()"
            )
        return _value(value), None
    if value is None:
        return _value(0), None
    if isinstance(value, int) and not isinstance(value, bool):
        _check_address(prototype, param, value, entry)
        return _value(value), None
    if param.is_iovec and isinstance(value, (list, tuple)):
        return bytes((Arg.WORDS,)) + _iovecs(prototype, param, value, entry), None
    if _is_span(value):
        _check_address(prototype, param, value.address, entry)
        return _value(value.address), None
    if isinstance(value, str) and param.const:
        return bytes((Arg.IN,)) + wire.blob(value.encode() + b"\0"), None
    if isinstance(value, bytes) and param.const:
        return bytes((Arg.IN,)) + wire.blob(value), None
    if isinstance(value, ffi.CData):
        if param.pointee is not None and ffi.typeof(value).item is not param.pointee:
            raise _type_error(prototype, param, value, f"a {param.text}")
        content = bytes(ffi.buffer(value))
        if param.const:
            return bytes((Arg.IN,)) + wire.blob(content), None
        if not any(content):
            return bytes((Arg.OUT,)) + wire.varint(len(content)), value
        return bytes((Arg.INOUT,)) + wire.blob(content), value
    wanted = (
        "an address, a span of memory, bytes" if param.const else "an address, a span of memory"
    )
    raise _type_error(prototype, param, value, f"{wanted}, abi.new(...) or None")


def _type_error(prototype: Prototype, param: Param, value: Any, wanted: str) -> TypeError:
    return TypeError(
        f"{prototype.name}(): {param.name} ({param.text}) takes {wanted},"
        f" not {type(value).__name__}"
    )


def _check_address(prototype: Prototype, param: Param, value: int, entry: Abi) -> None:
    limit = 0xFFFFFFFF if entry is Abi.I386 else _REGISTER_HIGH
    if not 0 <= value <= limit:
        what = f"{prototype.name}(): {param.name}={value:#x}"
        raise OverflowError(f"{what} is not an address of this entry")


def _iovecs(prototype: Prototype, param: Param, segments: Sequence[Any], entry: Abi) -> bytes:
    """The compact form of an array of segments: equal steps become one run."""
    width = 4 if entry is Abi.I386 else 8
    low, high = (-(1 << 31), 0xFFFFFFFF) if width == 4 else (_REGISTER_LOW, _REGISTER_HIGH)
    pairs = []
    for segment in segments:
        base = getattr(segment, "address", None)
        length = getattr(segment, "length", None)
        if isinstance(segment, tuple) and len(segment) == 2:
            base, length = segment[0] or 0, segment[1]
        if not isinstance(base, int) or not isinstance(length, int):
            raise _type_error(prototype, param, segment, "segments: spans or (address, length)")
        if not low <= base <= high or not low <= length <= high:
            raise OverflowError(
                f"{prototype.name}(): ({base:#x}, {length}) does not fit into an iovec"
            )
        pairs.append((_signed(base), _signed(length)))
    return wire.words(width, _runs(pairs))


def _signed(value: int) -> int:
    """The same 64 bits as a signed number; addresses and steps wrap around as in a register."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _runs(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, tuple[int, int], tuple[int, int]]]:
    runs: list[tuple[int, tuple[int, int], tuple[int, int]]] = []
    for pair in pairs:
        if runs:
            count, first, step = runs[-1]
            base, length = first[0] + (count - 1) * step[0], first[1] + (count - 1) * step[1]
            new_step = (_signed(pair[0] - base), _signed(pair[1] - length))
            if count == 1 or new_step == step:
                runs[-1] = (count + 1, first, new_step)
                continue
        runs.append((1, pair, (0, 0)))
    return runs


def show(prototype: Prototype, args: Sequence[Any]) -> str:
    """The call as strace shows it: "pipe2([5, 6], O_NONBLOCK)"."""
    shown = [_show_one(prototype.name, p, v) for p, v in zip(prototype.params, args, strict=True)]
    return f"{prototype.name}({', '.join(shown)})"


def _show_one(call: str, param: Param, value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        symbols = _SYMBOLS.get((call, param.name))
        if symbols is not None:
            return _symbolic(value, *symbols)
        return hex(value) if param.is_pointer else _number(value)
    if param.is_iovec and isinstance(value, (list, tuple)):
        pieces = [_show_segment(s) for s in value[:_IOVEC_SHOWN]]
        if len(value) > _IOVEC_SHOWN:
            pieces.append(f"... {len(value) - _IOVEC_SHOWN} more")
        return f"[{', '.join(pieces)}]"
    if _is_span(value):
        return hex(value.address)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bytes):
        text = value[:32].decode("ascii", "backslashreplace").replace("\0", "\\0")
        return f'"{text}"{"..." if len(value) > 32 else ""}'
    return _show_object(value)


def _show_segment(segment: Segment) -> str:
    if isinstance(segment, tuple):
        base, length = segment[0] or 0, segment[1]
    else:
        base, length = segment.address, segment.length
    return f"{{iov_base={base & _REGISTER_HIGH:#x}, iov_len={_number(length)}}}"


def _show_object(value: Any) -> str:
    ctype = ffi.typeof(value)
    if ctype.kind == "array" and ctype.item.kind == "primitive":
        return f"[{', '.join(str(v) for v in value)}]"
    target = value[0] if ctype.kind == "pointer" else value
    if isinstance(target, ffi.CData) and ffi.typeof(target).kind == "struct":
        fields = ((name, getattr(target, name)) for name, _ in ffi.typeof(target).fields)
        return "{" + ", ".join(f"{n}={v if isinstance(v, int) else '...'}" for n, v in fields) + "}"
    return f"[{target}]"


def _number(value: int) -> str:
    return str(value) if abs(value) < 1 << 31 else hex(value)


@cache
def _names(prefix: str) -> dict[str, int]:
    """The constants whose names begin so."""
    return {n: v for n, v in vars(constants).items() if n.startswith(prefix) and isinstance(v, int)}


def _symbolic(value: int, prefix: str, mask: bool) -> str:
    names = _names(prefix)
    if not mask:
        exact = [name for name, number in names.items() if number == value]
        return exact[0] if exact else _number(value)
    found, rest = [], value
    for name, bits in names.items():
        if bits and bits & value == bits and bits & rest:
            found.append(name)
            rest &= ~bits
    if rest or not found:
        found.append(hex(rest) if rest else "0")
    return "|".join(found)


def take_back(encoded: Encoded, result: Result) -> None:
    """Write what the call left into the C objects that were passed."""
    for target, content in zip(encoded.give_back, result.outs, strict=False):
        ffi.buffer(target)[:] = content


def given_back(encoded: Encoded) -> int:
    """How many bytes the answer has beside the result."""
    return sum(len(ffi.buffer(target)) for target in encoded.give_back)


def number_of(name: str, arch: str, process_vmsplice: int) -> int:
    """The number of a call in an architecture's table.

    Raises:
        AttributeError: that table has no such call.
    """
    if name == "process_vmsplice":
        return process_vmsplice
    try:
        return abi.numbers(arch)[name]
    except KeyError:
        raise AttributeError(
            f"{name} has no number on {arch}: see helpers/abi/numbers.toml"
        ) from None
