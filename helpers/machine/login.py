"""From a serial console to a root shell: a dialogue as a state machine over bytes.

Nothing here reads or writes: step() is told what arrived and what time it is, and says what to
send. What is looked for is only looked for behind the last thing that was sent. Prompts of shells
look alike everywhere and nowhere the same, so whether there is a shell is found out by a word that
only a shell makes of what it is sent: "km''17-uid-$(id -u)" is echoed as it is, and answered by
"km17-uid-0". Console noise (the kernel, systemd) may stand before, behind and in between; a
carriage return after some silence brings a prompt back that it has covered.
"""

import re
from dataclasses import dataclass
from enum import Enum

from helpers.machine.console import clean

_KEEP = 16384  # bytes that are looked at

_LOGIN = re.compile(r"\blogin: ?$")
_PASSWORD = re.compile(r"[Pp]assword(?: for \S+)?: ?$")
_PROMPT = re.compile(r"[#$%>\]] ?$")
_REFUSED = re.compile(
    r"^.*(?:Login incorrect|Authentication failure|Permission denied|account (?:has )?expired"
    r"|account is (?:locked|not available)|Login timed out|Cannot open access to console).*$",
    re.MULTILINE,
)
_NEW_PASSWORD = re.compile(
    r"^.*(?:required to change|must change|(?:Current|New|Old)(?: \S+)? password:).*$", re.MULTILINE
)
_NO_SUDO = re.compile(
    r"^.*(?:sudo: .*not found|not in the sudoers|may not run sudo|is not allowed to"
    r"|Sorry|incorrect password|a password is required|no new privileges).*$",
    re.MULTILINE,
)


class State(Enum):
    """Where the dialogue is; the values are what is waited for."""

    BOOTING = "a login prompt"
    NAMED = "an answer to the user's name"
    AUTHENTICATING = "an answer to the password"
    PROBING = "an answer of the shell"
    RAISING = "an answer of sudo"
    LAUNCHING = "an answer of what starts the agent"
    STARTED = "the agent's first bytes"
    FAILED = "nothing more"


@dataclass(frozen=True)
class Pace:
    """How patient the dialogue is, in seconds.

    Attributes:
        boot: until the login prompt.
        step: for each further answer.
        quiet: silence after which a prompt is asked for again.
    """

    boot: float
    step: float
    quiet: float


class Dialogue:
    """One login.

    Attributes:
        state: where it is.
        reason: why it failed, half a sentence; "" unless it did.
    """

    def __init__(
        self, *, nonce: str, user: str, password: str, launch: str, pace: Pace, now: float = 0.0
    ) -> None:
        """Nothing is sent yet.

        Args:
            nonce: letters and digits that nothing else on the console has, more than two.
            user: who logs in.
            password: theirs, "" for none.
            launch: a line for a root shell that makes it say <nonce>-started or <nonce>-failed:.
            pace: the deadlines.
            now: the time at which the machine was started; any clock in seconds.
        """
        self.state = State.BOOTING
        self.reason = ""
        self._nonce = nonce
        self._split = f"{nonce[:2]}''{nonce[2:]}"
        self._user = user
        self._password = password
        self._launch = launch
        self._pace = pace
        self._unread = b""
        self._entered = self._heard = now
        self._raised = False
        self._hasty = False  # a return was typed that sudo may have taken for a password

    @property
    def over(self) -> bool:
        """Whether nothing more will be sent."""
        return self.state in (State.STARTED, State.FAILED)

    def step(self, data: bytes, now: float) -> bytes:
        """Go on, with what the console printed since the last time.

        Args:
            data: the new bytes, perhaps none.
            now: the time.

        Returns:
            What to type, often nothing.
        """
        if data:
            self._heard = now
            self._unread = (self._unread + data)[-_KEEP:]
        if self.over:
            return b""
        text = clean(self._unread.decode("utf-8", "replace"))
        if f"{self._nonce}-started" in text:
            return self._enter(State.STARTED, now)
        sent = self._react(text, now)
        if sent is not None:
            return sent
        patience = self._pace.boot if self.state is State.BOOTING else self._pace.step
        if now - self._entered > patience:
            return self._fail(f"no sign of {self.state.value} within {patience:.0f} s", now)
        if now - self._heard > self._pace.quiet:
            self._heard = now
            return self._nudge(text, now)
        return b""

    def _react(self, text: str, now: float) -> bytes | None:
        """What the text asks for in this state; None if it does not say anything yet."""
        last = text.rpartition("\n")[2]
        match self.state:
            case State.BOOTING:
                if _LOGIN.search(last):
                    return self._enter(State.NAMED, now, self._user)
            case State.NAMED | State.AUTHENTICATING:
                return self._logged_in(text, last, now)
            case State.PROBING:
                return self._probed(text, bool(_PROMPT.search(last)), now)
            case State.RAISING:
                return self._raising(text, last, now)
            case State.LAUNCHING:
                failed = re.search(rf"{self._nonce}-failed: *(.*)", text)
                if failed:
                    return self._fail(failed[1].strip() or "the agent did not start", now)
                if f"{self._nonce}-end" in text:
                    return self._fail("the machine shows no drive with the agent", now)
        return None

    def _logged_in(self, text: str, last: str, now: float) -> bytes | None:
        whole = text.rpartition("\n")[0]
        wrong = _NEW_PASSWORD.search(whole) or _REFUSED.search(whole)
        if wrong:
            return self._fail(wrong[0].strip(), now)
        if self.state is State.NAMED and _PASSWORD.search(last):
            if not self._password:
                return self._fail(f"{self._user} has to give a password, and none is known", now)
            return self._enter(State.AUTHENTICATING, now, self._password)
        if _LOGIN.search(last):
            return self._fail("the login prompt came again", now)
        return self._probe(now) if _PROMPT.search(last) else None

    def _probed(self, text: str, ready: bool, now: float) -> bytes | None:
        found = re.search(rf"{self._nonce}-uid-(\d+)", text)
        if found is None:
            return None
        if found[1] == "0":
            return self._enter(State.LAUNCHING, now, f"{self._launch}; echo {self._split}-end")
        if not ready:  # a prompt that came behind the next line would be taken for sudo's shell
            return None
        if self._raised:
            return self._fail(f"sudo gave a shell with uid {found[1]}", now)
        return self._enter(State.RAISING, now, f"sudo -p {self._split}-password: sh")

    def _raising(self, text: str, last: str, now: float) -> bytes | None:
        wrong = [found[0].strip() for found in _NO_SUDO.finditer(text.rpartition("\n")[0])]
        serious = [line for line in wrong if not (self._hasty and "try again" in line)]
        if serious:
            return self._fail(serious[0], now)
        if last.endswith(f"{self._nonce}-password:"):
            if not self._password:
                return self._fail("sudo asks for a password, and none is known", now)
            self._hasty = self._hasty and not wrong
            return self._send(self._password, now)
        if _PROMPT.search(last):
            self._raised = True
            return self._probe(now)
        return None

    def _nudge(self, text: str, now: float) -> bytes:
        """What brings back a prompt that noise has covered, or was there before we were."""
        match self.state:
            case State.BOOTING:
                # a shell without a login, or one behind a boot menu
                return self._probe(now) if _PROMPT.search(text) else b"\r"
            case State.NAMED | State.AUTHENTICATING | State.RAISING:
                self._raised = self._hasty = self.state is State.RAISING
                return b"\r" if self._raised else self._probe(now)
            case State.PROBING:
                answer = self._probed(text, True, now)
                return self._probe(now) if answer is None else answer
            case _:
                return b""

    def _probe(self, now: float) -> bytes:
        line = f"echo {self._split}-uid-$(id -u)"
        if self.state is State.PROBING:
            return self._send(line, now)
        return self._enter(State.PROBING, now, line)

    def _enter(self, state: State, now: float, line: str | None = None) -> bytes:
        self.state, self._entered = state, now
        return b"" if line is None else self._send(line, now)

    def _send(self, line: str, now: float) -> bytes:
        """A line to type; what was printed before it is read."""
        self._heard = now
        self._unread = b""
        return line.encode() + b"\r"

    def _fail(self, reason: str, now: float) -> bytes:
        self.reason = reason
        return self._enter(State.FAILED, now)
