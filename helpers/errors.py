"""The few ways in which something other than a clause can go wrong."""


class UserError(Exception):
    """A foreseeable mistake: its text is one line for the user, never shown with a traceback.

    The text says what was tried, what happened and what to do about it.
    """


class ProtocolError(UserError):
    """The other side of the channel sent something that the protocol does not allow."""


class SetupError(Exception):
    """A call of a case's set-up did not do what it must: says nothing of the clause."""


class MachineLost(Exception):
    """The machine under test is gone or must be given up.

    Attributes:
        kind: "crash" (the kernel died), "hang" (a deadline passed), "eof" (the channel closed and
            nothing says why), "protocol" (garbage on the channel) or "boot" (never said hello).
        reason: one line for people.
        console: the last lines of the console, "" where there is none.
    """

    def __init__(self, kind: str, reason: str, console: str = "") -> None:
        """Keep what is known; the exception's own text is the reason."""
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.console = console
