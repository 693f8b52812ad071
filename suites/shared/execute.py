"""A child that calls execve(2): the same process with another address space."""

from helpers.child import Child

_WORD = 8
_PROGRAM = "/proc/self/exe"


def execute(child: Child) -> None:
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
    child.begin.execve(_PROGRAM, room.address, None)
    # it introduces itself anew, which sets the pid
    assert child.session.poll(lambda: task.pid != 0), "the child should be back from execve()"
