"""Which mutants a command line means, and what is known of them before anything is run."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import UserError
from kernel_matrix.mutants import generate, manifest
from kernel_matrix.mutants.manifest import Equivalent, Mutant


@dataclass(frozen=True)
class Plan:
    """Mutants of one kernel.

    Attributes:
        mutants: all that the kernel is built with.
        chosen: those that are asked for, in the same order.
        equivalent: those that are no bugs, by id.
    """

    mutants: tuple[Mutant, ...]
    chosen: tuple[Mutant, ...]
    equivalent: dict[str, Equivalent]


def plan(
    file: Path | None, idents: Sequence[str] = (), sample: int | None = None, seed: int = 0
) -> Plan:
    """What is asked for.

    Args:
        file: somebody's own mutants; None is ours and the generated ones.
        idents: only these.
        sample: so many, chosen by the seed, that are not equivalent.
        seed: of the choice.

    Raises:
        UserError: there is no mutant of a name.
    """
    if file is None:
        entries = manifest.load()
        mutants = (*entries.mutants, *generate.generated())
        where = "mutants.toml and the generated ones"
    else:
        entries = manifest.load(file)
        mutants = entries.mutants
        where = str(file)
    if not mutants:
        raise UserError(f"there is no [[mutant]] in {where}")
    by_id = {mutant.id: mutant for mutant in mutants}
    for entry in entries.equivalent:
        if entry.id not in by_id:
            raise UserError(
                f"{entry.place}: no mutant {entry.id} any more: what it was made from has changed; "
                "remove the entry, or look what it is called now"
            )
    for ident in idents:
        if ident not in by_id:
            raise UserError(f"no mutant {ident} in {where}; kernel-matrix mutants --list has all")
    equivalent = {entry.id: entry for entry in entries.equivalent}
    chosen = [mutant for mutant in mutants if not idents or mutant.id in idents]
    if sample is not None:
        able = [mutant for mutant in chosen if mutant.id not in equivalent]
        picked = {m.id for m in random.Random(seed).sample(able, min(sample, len(able)))}
        chosen = [mutant for mutant in chosen if mutant.id in picked]
    return Plan(mutants, tuple(chosen), equivalent)
