"""A child that calls execve(2): the same process with another address space."""

from helpers.abi import constants as c
from helpers.child import Child

_WORD = 8
_PROGRAM = "/proc/self/exe"


def execute(child: Child, program: str = _PROGRAM) -> None:
    """Have a child execute the agent's program again; it answers as before, its memory is gone."""
    task = child.facts
    strings = ["agent", "child", str(task.fd), str(task.id)]
    room = child.pages(1)
    pointers, text = [], b""
    for string in strings:
        pointers.append(room.address + _WORD * (len(strings) + 1) + len(text))
        text += string.encode() + b"\0"
    array = b"".join(pointer.to_bytes(_WORD, "little") for pointer in [*pointers, 0])
    child.poke(room.address, array + text)
    child.session.settle()
    task.pid = 0
    child.begin.execve(program, room.address, None)
    # it introduces itself anew, which sets the pid
    assert child.session.poll(lambda: task.pid != 0), "the child should be back from execve()"


def program_with_mode(child: Child, mode: int) -> str:
    """A copy of the agent's program with other rights; a path that the child can execute."""
    own = child.must.openat(c.AT_FDCWD, _PROGRAM, c.O_RDONLY, 0)
    size = int(child.must.lseek(own, 0, c.SEEK_END))
    content = child.memory(size, prot=c.PROT_READ, flags=c.MAP_PRIVATE, fd=own)
    copy = child.must.memfd_create("program", 0)
    written = child.must.write(copy, content, size)
    assert written == size, f"a copy of {size} bytes took {written}"
    path = f"/proc/self/fd/{copy}"
    child.must.fchmodat(c.AT_FDCWD, path, mode)
    # what is open for writing cannot be executed: execve(2), ETXTBSY
    readable = child.must.openat(c.AT_FDCWD, path, c.O_RDONLY, 0)
    child.queued.close(copy)
    return f"/proc/self/fd/{readable}"
