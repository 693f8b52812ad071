"""process_vm_writev: no flag is defined."""

from fixtures.cases import clause, needs
from helpers.memory import Memory
from suites.shared import mover_flags
from suites.shared.mover import Mover

pytestmark = needs("process_vm_writev", "foreign-memory")


@clause("process_vm_writev:errors:einval-flags")
@mover_flags.UNKNOWN
def test_flag_that_does_not_exist_is_einval(
    mover: Mover, local: Memory, remote: Memory, flags: int
) -> None:
    mover_flags.unknown(mover, local, remote, flags)


@clause("process_vm_writev:errors:einval-flags")
def test_each_bit_alone_is_einval(mover: Mover, local: Memory, remote: Memory) -> None:
    mover_flags.each_bit(mover, local, remote)


@clause("process_vm_writev:errors:einval-flags")
@mover_flags.NOTHING_ASKED
def test_flag_is_einval_even_where_nothing_is_asked_for(
    mover: Mover, shape: tuple[int, int]
) -> None:
    mover_flags.nothing_asked(mover, *shape)


@clause("process_vm_writev:transfer:exact-bytes")
def test_no_flags_is_accepted(mover: Mover, local: Memory, remote: Memory) -> None:
    mover_flags.none(mover, local, remote)
