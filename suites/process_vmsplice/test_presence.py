"""process_vmsplice: whether the number is that of this call, by the answers that it gives."""

from fixtures.cases import clause, needs, table
from helpers.presence import FINGERPRINT

NAMES = ("no-segments", "unknown-flag", "too-many-segments", "descriptor-not-open")


@clause("process_vmsplice:presence:fingerprint")
@needs("process_vmsplice")
@table(
    "args, expected",
    *((name, args, answer) for name, (args, answer) in zip(NAMES, FINGERPRINT, strict=True)),
)
def test_call_answers_like_process_vmsplice(caller, args, expected):
    assert caller.syscall(caller.numbers.process_vmsplice, *args) == expected
