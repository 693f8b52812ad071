"""The dialogue of a login, with what consoles print."""

import pytest

from helpers.machine.login import Dialogue, Pace, State

NONCE = "km12ab"
BANNER = (
    b"[    3.1] systemd[1]: Started getty.target\r\n\r\n"
    b"Debian GNU/Linux 12 image ttyS0\r\n\r\nimage login: "
)
BASH = b"\x1b[?2004hroot@image:~# "
ORDINARY = b"Last login: Mon Nov 23 on ttyS0\r\n\x1b[?2004hordinary@image:~$ "
PROBE = b"echo km''12ab-uid-$(id -u)\r"
SUDO = b"sudo -p km''12ab-password: sh\r"
LAUNCH = b"run it; echo km''12ab-end\r"
PACE = Pace(boot=100, step=20, quiet=5)

# What arrives (or how many seconds pass in silence), and what is typed then.
Steps = list[tuple[bytes | float, bytes]]

ROOT: Steps = [
    (b"SeaBIOS (version 1.16)\r\n", b""),
    (BANNER, b"root\r"),
    (b"root\r\n", b""),
    (b"Linux image 6.1.0\r\n" + BASH, PROBE),
    (b"echo km''12ab-uid-$(id -u)\r\n\x1b[?2004l\rkm12ab-uid-0\r\n" + BASH, LAUNCH),
    (b"run it; echo km''12ab-end\r\n", b""),
    (b"km12ab-started\r\n", b""),
]
NAMED: Steps = [
    (BANNER, b"ordinary\r"),
    (b"ordinary\r\nPassword: ", b"secret\r"),
    (b"\r\n" + ORDINARY, PROBE),
    (b"km12ab-uid-1000\r\n" + ORDINARY, SUDO),
]
RAISED: Steps = [
    *NAMED,
    (b"sudo -p km''12ab-password: sh\r\nkm12ab-password:", b"secret\r"),
    (b"\r\n# ", PROBE),
]

GOOD: dict[str, Steps] = {
    "root without a password": ROOT,
    "in pieces": [
        (BANNER[:-4], b""),
        (b"in: ", b"root\r"),
        (b"\x1b[?20", b""),
        (b"04hroot@image:~#", PROBE),
        (b"km12ab-ui", b""),
        (b"d-0\n", LAUNCH),
        (b"km12ab-start", b""),
        (b"ed\n", b""),
    ],
    "a user with sudo": [
        *RAISED,
        (b"km12ab-uid-0\r\n# ", LAUNCH),
        (b"km12ab-started\r\nkm12ab-end\r\n# ", b""),
    ],
    # On a slow machine the prompt comes later than the answer: it is none of what is typed next.
    "a prompt that is late, and sudo": [
        *NAMED[:-1],
        (b"km12ab-uid-1", b""),
        (b"000\r\n", b""),
        (b"\x1b[?2004hordinary@image:~$ ", SUDO),
        (b"sudo -p km''12ab-password: sh\r\n", b""),
        *RAISED[-2:],
        (b"km12ab-uid-0\r\n# ", LAUNCH),
        (b"km12ab-started", b""),
    ],
    "noise over the prompt, and sudo": [
        *NAMED[:-1],
        (b"km12ab-uid-1000\r\nordinary@image:~$ [   16.0] audit: x\r\n", b""),
        (6, SUDO),
        *RAISED[-2:],
        (b"km12ab-uid-0\r\n# ", LAUNCH),
        (b"km12ab-started", b""),
    ],
    # The return that asks for the prompt came when sudo asked for the password.
    "a prompt that is asked for too early, and sudo": [
        *NAMED,
        (6, b"\r"),
        (b"sudo: unable to resolve host image\r\nkm12ab-password:", b"secret\r"),
        (b"\r\nSorry, try again.\r\n", b""),
        (b"km12ab-password:", b"secret\r"),
        (b"\r\n# ", PROBE),
        (b"km12ab-uid-0\r\n# ", LAUNCH),
        (b"km12ab-started", b""),
    ],
    "sudo without a password": [
        *NAMED,
        (b"# ", PROBE),
        (b"km12ab-uid-0\r\n# ", LAUNCH),
        (b"km12ab-started", b""),
    ],
    "noise over the prompt": [
        (BANNER + b"[   12.0] random: crng init done\r\n", b""),
        (6, b"\r"),
        (b"\r\nimage login: ", b"root\r"),
        (BASH + b"[   15.0] EXT4-fs (vda1): re-mounted\r\n", b""),
        (6, PROBE),
        (b"[   16.0] audit: x\r\nkm12ab-uid-0\r\n", LAUNCH),
        (b"km12ab-started", b""),
    ],
    "typed too early, and lost": [
        (BANNER, b"root\r"),
        (BASH, PROBE),
        (6, PROBE),
        (b"km12ab-uid-0\n", LAUNCH),
        (b"km12ab-started", b""),
    ],
    "a shell without a login": [
        (b"Welcome to the rescue\r\n/ # ", b""),
        (6, PROBE),
        (b"km12ab-uid-0\r\n/ # ", LAUNCH),
        (b"km12ab-started", b""),
    ],
    "the seed was first": [(b"[ 20.0] cloud-init[300]: km12ab-started\r\n", b"")],
}


def played(steps: Steps, *, user: str = "root", password: str = "") -> Dialogue:
    """The dialogue after these steps, each of which must have brought what it says."""
    dialogue = Dialogue(nonce=NONCE, user=user, password=password, launch="run it", pace=PACE)
    now = 0.0
    for happens, typed in steps:
        now += happens if not isinstance(happens, bytes) else 0.5
        data = happens if isinstance(happens, bytes) else b""
        assert (happens, dialogue.step(data, now)) == (happens, typed)
    return dialogue


@pytest.mark.parametrize("name", GOOD)
def test_it_gets_in(name: str) -> None:
    user = "ordinary" if "sudo" in name else "root"
    dialogue = played(GOOD[name], user=user, password="secret" if "sudo" in name else "")
    assert (dialogue.state, dialogue.reason) == (State.STARTED, "")
    assert dialogue.over


@pytest.mark.parametrize(
    ("password", "steps", "reason"),
    [
        ("", [(101, b"")], "no sign of a login prompt within 100 s"),
        (
            "",
            [(BANNER, b"root\r"), (b"root\r\nPassword: ", b"")],
            "root has to give a password, and none is known",
        ),
        (
            "wrong",
            [
                (BANNER, b"root\r"),
                (b"Password: ", b"wrong\r"),
                (b"\r\nLogin incorrect\r\nimage login: ", b""),
            ],
            "Login incorrect",
        ),
        (
            "old",
            [
                (BANNER, b"root\r"),
                (b"Password: ", b"old\r"),
                (
                    b"\r\nYou are required to change your password immediately.\r\nNew password: ",
                    b"",
                ),
            ],
            "You are required to change your password immediately.",
        ),
        ("", [(BANNER, b"root\r"), (b"\r\nimage login: ", b"")], "the login prompt came again"),
        (
            "",
            [(BANNER, b"root\r"), (BASH, PROBE), *[(6, PROBE)] * 3, (6, b"")],
            "no sign of an answer of the shell within 20 s",
        ),
        (
            "secret",
            [
                *[(a, b"root\r" if b == b"ordinary\r" else b) for a, b in NAMED],
                (b"km12ab-password:", b"secret\r"),
                (b"\r\nroot is not in the sudo", b""),
                (b"ers file.\r\n$ ", b""),
            ],
            "root is not in the sudoers file.",
        ),
        (
            "secret",
            [
                *[(a, b"root\r" if b == b"ordinary\r" else b) for a, b in RAISED],
                (b"km12ab-uid-1000\r\n$ ", b""),
            ],
            "sudo gave a shell with uid 1000",
        ),
        (
            "secret",
            [
                *[(a, b"root\r" if b == b"ordinary\r" else b) for a, b in RAISED],
                (b"km12ab-uid-1000\r\n$ [   16.0] audit: x\r\n", b""),
                (6, b""),
            ],
            "sudo gave a shell with uid 1000",
        ),
        (
            "wrong",
            [
                (BANNER, b"root\r"),
                (ORDINARY, PROBE),
                (b"km12ab-uid-1000\r\n$ ", SUDO),
                (6, b"\r"),
                *[
                    (b"km12ab-password:", b"wrong\r"),
                    (b"\r\nSorry, try again.\r\n", b""),
                    (b"km12ab-password:", b"wrong\r"),
                    (b"\r\nSorry, try again.\r\n", b""),
                ],
            ],
            "Sorry, try again.",
        ),
        (
            "",
            [
                (BANNER, b"root\r"),
                (ORDINARY, PROBE),
                (b"km12ab-uid-1000\r\n$ ", SUDO),
                (b"bash: sudo: command not found\r\n$ ", b""),
            ],
            "bash: sudo: command not found",
        ),
        (
            "",
            [
                (BANNER, b"root\r"),
                (ORDINARY, PROBE),
                (b"km12ab-uid-1000\r\n$ ", SUDO),
                (b"km12ab-password:", b""),
            ],
            "sudo asks for a password, and none is known",
        ),
        (
            "",
            [*ROOT[:-2], (b"run it\r\nkm12ab-failed: agent: no channel\r\n# ", b"")],
            "agent: no channel",
        ),
        ("", [*ROOT[:-1], (b"km12ab-end\r\n", b"")], "the machine shows no drive with the agent"),
        (
            "",
            [*ROOT[:-1], (21, b"")],
            "no sign of an answer of what starts the agent within 20 s",
        ),
    ],
)
def test_it_says_why_it_does_not_get_in(password: str, steps: Steps, reason: str) -> None:
    dialogue = played(steps, password=password)
    assert (dialogue.state, dialogue.reason) == (State.FAILED, reason)
    assert dialogue.step(BANNER, 1000) == b""


def test_what_is_typed_is_not_taken_for_an_answer() -> None:
    """Every marker that a shell echoes differs from the one that it prints."""
    typed = [line for steps in GOOD.values() for _, line in steps]
    assert any(b"12ab" in line for line in typed)
    assert not any(NONCE.encode() in line for line in typed)


def test_it_keeps_only_the_end() -> None:
    dialogue = played([(b"x" * 100_000, b""), (BANNER, b"root\r")])
    assert dialogue.state is State.NAMED
