"""What a case cannot do without, as data; what is missing is a skip with a class and a reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from errno import ENOSYS, EOPNOTSUPP, EPERM

from helpers import abi, presence
from helpers.abi import constants as c
from helpers.child import Child
from helpers.descriptors import KINDS, Kind, cannot
from helpers.errors import MachineLost
from helpers.outcome import Err, Result
from helpers.pending import Hang


class SkipClass(Enum):
    """Why a case was not run; only config and kernel-lacks say something of the kernel."""

    PRIVILEGE = "privilege"
    CONFIG = "config"
    KERNEL_LACKS = "kernel-lacks"
    ARCH = "arch"
    ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Unmet:
    """A requirement that does not hold here."""

    kind: SkipClass
    reason: str


@dataclass(frozen=True)
class Surroundings:
    """What requirements are checked against.

    Attributes:
        uid: of the agent.
        disposable: whether the machine may be changed or broken (a VM, not the user's own).
        config: the kernel's configuration, NAME to value; None where it is not known.
        scratch: gives a child for a probe's calls.
        probed: answers of probes of this kernel, None for present; shared by all cases.
    """

    uid: int
    disposable: bool
    config: Mapping[str, str] | None
    scratch: Callable[[], Child]
    probed: dict[str, Unmet | None]


@dataclass(frozen=True)
class Probe:
    """A feature found out by asking the kernel.

    Attributes:
        kind: the class of a skip, unless run says another.
        run: gives "" if it is there, else why not, or the whole of what is missing.
    """

    kind: SkipClass
    run: Callable[[Child], str | Unmet]

    def ask(self, child: Child) -> Unmet | None:
        """What is missing, None if nothing is."""
        answer = self.run(child)
        return answer if isinstance(answer, Unmet) else Unmet(self.kind, answer) if answer else None


def _i386(child: Child) -> str:
    # gVisor has the entry, but takes the numbers for those of the native one: 20 is writev there
    result = child.i386.getpid()
    right = result.ok and result == child.getpid()
    return "" if right else f"int $0x80 getpid answers {result!r}: no i386 entry"


def _answers(call: Callable[[Child], Result], what: str) -> Callable[[Child], str]:
    def run(child: Child) -> str:
        result = call(child)
        return "" if result.ok else f"{what} answers {result!r}"

    return run


def yama_scope(child: Child) -> int:
    """How far the Yama security module limits who may look into whom; 0 where it is not there.

    Documentation/admin-guide/LSM/Yama.rst: 0 nothing, 1 a process its descendants and those that
    ask for it by PR_SET_PTRACER, 2 the privileged, 3 nobody.
    """
    fd = child.openat(c.AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", c.O_RDONLY, 0)
    if not fd.ok:
        return 0
    text = child.memory(1)
    child.must.read(fd.value, text, 1)
    return int(text.read())


def _filtered(child: Child) -> bool:
    """Whether a filter of system calls is on, seccomp(2); proc_pid_status(5), Seccomp.

    Without one EPERM is the kernel's own answer, and a wrong one must fail its cases.
    """
    fd = child.openat(c.AT_FDCWD, "/proc/self/status", c.O_RDONLY, 0)
    if not fd.ok:
        return False
    text = child.memory(4096)
    length = child.must.read(fd.value, text, 4096)
    return b"\nSeccomp:\t2\n" in child.peek(text.address, length)


def _unknown_flags(child: Child) -> Result:
    return child.process_vm_readv(-1, [], 0, [], 0, (1 << 64) - 1)


def _writes_unknown_flags(child: Child) -> Result:
    return child.process_vm_writev(-1, [], 0, [], 0, (1 << 64) - 1)


def _foreign_memory(child: Child) -> str:
    # a kernel that refuses wrongly must fail its cases: only what is known to refuse counts here
    if _unknown_flags(child) == Err(EPERM) and _filtered(child):
        return "a filter of system calls refuses process_vm_readv"
    scope = yama_scope(child)
    return "" if scope < 2 else f"Yama's scope {scope} keeps processes from looking into others"


def _huge_pages(child: Child) -> str:
    memory = child.pages(1)
    result = child.madvise(memory, memory.length, c.MADV_HUGEPAGE)
    return "" if result.ok else f"madvise(MADV_HUGEPAGE) answers {result!r}"


def _write_protection(child: Child) -> Result:
    """userfaultfd(2) that tells of writes to pages that are there."""
    fd = child.userfaultfd(0)
    if not fd.ok:
        return fd
    wanted = abi.new("uint64_t[3]", [c.UFFD_API, c.UFFD_FEATURE_PAGEFAULT_FLAG_WP, 0])
    return child.ioctl(fd.value, c.UFFDIO_API, wanted)


def _landlock(child: Child) -> str | Unmet:
    result = child.landlock_create_ruleset(None, 0, c.LANDLOCK_CREATE_RULESET_VERSION)
    if result == Err(EOPNOTSUPP):
        return Unmet(SkipClass.CONFIG, "Landlock is built in, but not among the LSMs that are on")
    return "" if result.ok else f"landlock_create_ruleset() answers {result!r}"


def _guard_pages(child: Child) -> str:
    memory = child.pages(1)
    result = child.madvise(memory, memory.length, c.MADV_GUARD_INSTALL)
    return "" if result.ok else f"madvise(MADV_GUARD_INSTALL) answers {result!r}"


def _shares_file_pages(child: Child) -> str:
    got = child.memory(1)
    fds = abi.new("int[2]")
    file = child.must.memfd_create("probe", 0)
    child.must.pwrite64(file, b"1", 1, 0)
    child.must.pipe2(fds, 0)
    child.must.splice(file, None, fds[1], None, 1, 0)
    child.must.pwrite64(file, b"2", 1, 0)
    child.must.read(fds[0], got, 1)
    return "" if got.read() == b"2" else "splice copies: what is written later is not seen"


_ALL_FLAGS = (1 << 32) - 1


def _present(unknown_flags: Callable[[Child], Result], name: str) -> Callable[[Child], str | Unmet]:
    """Asks with flags that no kernel knows: EINVAL comes before anything else is looked at."""

    def run(child: Child) -> str | Unmet:
        result = unknown_flags(child)
        if result == Err(EPERM) and _filtered(child):
            return Unmet(SkipClass.ENVIRONMENT, f"a filter of system calls refuses {name}")
        return f"{name} answers ENOSYS" if result == Err(ENOSYS) else ""

    return run


def _shares_pages(child: Child) -> str:
    memory, got = child.memory(1, seed=1), child.memory(1)
    fds = abi.new("int[2]")
    child.must.pipe2(fds, 0)
    if child.vmsplice(fds[1], [memory], 1, 0) == Err(ENOSYS):
        return "vmsplice answers ENOSYS"
    child.poke(memory.address, b"~")
    child.must.read(fds[0], got, 1)
    return "" if got.read() == b"~" else "vmsplice copies: what is written later is not seen"


def _memory_errors(child: Child) -> str:
    """Nothing is poisoned: whether it knows the advice is judged before the length."""
    if child.madvise(None, 0, 1 << 20).ok:
        return "madvise() takes any advice for no memory at all"  # gVisor
    result = child.madvise(None, 0, c.MADV_HWPOISON)
    return "" if result.ok else f"madvise(MADV_HWPOISON) answers {result!r}"


def _packets(child: Child) -> str:
    result = child.pipe2(abi.new("int[2]"), c.O_DIRECT)
    return "" if result.ok else f"pipe2(O_DIRECT) answers {result!r}"


def _slots(child: Child) -> str:
    """A byte and then a page and more: pipes of pages keep a slot for the byte alone."""
    fds = abi.new("int[2]")
    child.must.pipe2(fds, c.O_NONBLOCK)
    size = int(child.must.fcntl(fds[1], c.F_GETPIPE_SZ, 0))
    data = child.memory(size)
    child.must.write(fds[1], data, 1)
    left = int(child.must.write(fds[1], data, size))
    return "" if left < size - 1 else "pipes have room for bytes, not for pages"


def _pipe_times(child: Child) -> Result:
    fds, times = abi.new("int[2]"), abi.new("struct timespec[2]")
    child.must.pipe2(fds, 0)
    return child.utimensat(fds[1], None, times, 0)


def _sysctls(child: Child) -> Result:
    return child.openat(c.AT_FDCWD, "/proc/sys/kernel/ostype", c.O_RDONLY, 0)


def _descriptor(kind: Kind) -> Callable[[Child], str | Unmet]:
    def run(child: Child) -> str | Unmet:
        result = kind.open(child, "/")
        if result.ok:
            return ""
        rights, words = cannot(result)
        what = f"a descriptor of kind {kind.name}: the kernel {words}"
        return Unmet(SkipClass.PRIVILEGE if rights else SkipClass.KERNEL_LACKS, what)

    return run


PROBES: Mapping[str, Probe] = {
    **{
        f"fd:{kind.name}": Probe(SkipClass.KERNEL_LACKS, _descriptor(kind))
        for kind in KINDS
        if not kind.everywhere
    },
    "vmsplice": Probe(
        SkipClass.KERNEL_LACKS,
        _present(lambda child: child.vmsplice(-1, None, 0, _ALL_FLAGS), "vmsplice"),
    ),
    "splice": Probe(
        SkipClass.KERNEL_LACKS,
        _present(lambda child: child.splice(-1, None, -1, None, 1, _ALL_FLAGS), "splice"),
    ),
    "tee": Probe(
        SkipClass.KERNEL_LACKS, _present(lambda child: child.tee(-1, -1, 1, _ALL_FLAGS), "tee")
    ),
    "file-page-sharing": Probe(SkipClass.KERNEL_LACKS, _shares_file_pages),
    "page-sharing": Probe(SkipClass.KERNEL_LACKS, _shares_pages),
    "packet-pipes": Probe(SkipClass.KERNEL_LACKS, _packets),
    "pipe-slots": Probe(SkipClass.KERNEL_LACKS, _slots),
    "pipe-times": Probe(SkipClass.KERNEL_LACKS, _answers(_pipe_times, "utimensat() on a pipe")),
    "sysctls": Probe(SkipClass.KERNEL_LACKS, _answers(_sysctls, "/proc/sys/kernel/ostype")),
    "process_vm_readv": Probe(SkipClass.KERNEL_LACKS, _present(_unknown_flags, "process_vm_readv")),
    "process_vm_writev": Probe(
        SkipClass.KERNEL_LACKS, _present(_writes_unknown_flags, "process_vm_writev")
    ),
    "foreign-memory": Probe(SkipClass.ENVIRONMENT, _foreign_memory),
    "protection-keys": Probe(
        SkipClass.ARCH, _answers(lambda child: child.pkey_alloc(0, 0), "pkey_alloc()")
    ),
    "transparent-huge-pages": Probe(SkipClass.CONFIG, _huge_pages),
    "memory-errors": Probe(SkipClass.CONFIG, _memory_errors),
    "huge-page-pool": Probe(
        SkipClass.CONFIG,
        _answers(
            lambda child: child.openat(c.AT_FDCWD, "/proc/sys/vm/nr_hugepages", c.O_RDONLY, 0),
            "/proc/sys/vm/nr_hugepages",
        ),
    ),
    "write-protection": Probe(
        SkipClass.KERNEL_LACKS,
        _answers(_write_protection, "userfaultfd() with UFFD_FEATURE_PAGEFAULT_FLAG_WP"),
    ),
    "notification-pipes": Probe(
        SkipClass.CONFIG,
        _answers(
            lambda child: child.pipe2(abi.new("int[2]"), c.O_NOTIFICATION_PIPE),
            "pipe2(O_NOTIFICATION_PIPE)",
        ),
    ),
    "landlock": Probe(SkipClass.KERNEL_LACKS, _landlock),
    "user-faults-only": Probe(
        SkipClass.KERNEL_LACKS,
        _answers(
            lambda child: child.userfaultfd(c.UFFD_USER_MODE_ONLY),
            "userfaultfd(UFFD_USER_MODE_ONLY)",
        ),
    ),
    "guard-pages": Probe(SkipClass.KERNEL_LACKS, _guard_pages),
    "memfd_secret": Probe(
        SkipClass.KERNEL_LACKS, _answers(lambda child: child.memfd_secret(0), "memfd_secret()")
    ),
    "process_vmsplice": Probe(SkipClass.KERNEL_LACKS, presence.absent),
    "i386": Probe(SkipClass.KERNEL_LACKS, _i386),
    "memfd_create": Probe(
        SkipClass.KERNEL_LACKS,
        _answers(lambda child: child.memfd_create("probe", 0), "memfd_create()"),
    ),
    "user-namespaces": Probe(
        SkipClass.CONFIG,
        _answers(lambda child: child.unshare(0x10000000), "unshare(CLONE_NEWUSER)"),
    ),
    "pid-namespaces": Probe(
        SkipClass.CONFIG, _answers(lambda child: child.unshare(0x20000000), "unshare(CLONE_NEWPID)")
    ),
    "net-namespaces": Probe(
        SkipClass.CONFIG, _answers(lambda child: child.unshare(0x40000000), "unshare(CLONE_NEWNET)")
    ),
}


def unmet(requirement: str, around: Surroundings) -> Unmet | None:
    """Why a requirement does not hold, None if it does.

    Requirements: "root"; "disposable"; "config:CONFIG_NAME"; or the name of a probe.

    Raises:
        KeyError: there is no such requirement.
    """
    if requirement == "root":
        return (
            None
            if around.uid == 0
            else Unmet(SkipClass.PRIVILEGE, f"needs root, is uid {around.uid}")
        )
    if requirement == "disposable":
        if around.disposable:
            return None
        return Unmet(
            SkipClass.ENVIRONMENT, "would change the running system: only in a virtual machine"
        )
    kind, _, option = requirement.partition(":")
    if kind == "config":
        return _config(option, around.config)
    probe = PROBES[requirement]
    if requirement not in around.probed:
        try:
            around.probed[requirement] = probe.ask(around.scratch())
        except (Hang, MachineLost) as lost:
            # one case has it as its verdict; asking again would only end another machine
            around.probed[requirement] = Unmet(probe.kind, f"asking whether it is there: {lost}")
            raise
    return around.probed[requirement]


def _config(option: str, config: Mapping[str, str] | None) -> Unmet | None:
    if config is None:
        return Unmet(
            SkipClass.ENVIRONMENT, f"the kernel's configuration is not known, needs {option}"
        )
    if config.get(option) in ("y", "m"):
        return None
    return Unmet(SkipClass.CONFIG, f"{option} is not set")


def parse_config(text: str) -> dict[str, str]:
    """The settings of a Kconfig file; what is commented out is not in it."""
    lines = (line.strip() for line in text.splitlines())
    return dict(line.split("=", 1) for line in lines if line.startswith("CONFIG_") and "=" in line)
