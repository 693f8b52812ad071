"""In which order cases are tried on a mutant: what depends on earlier results, always alike."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from kernel_matrix.mutants.manifest import Mutant
from kernel_matrix.mutants.slots import Known

_ONLY = {
    "fs/process_vmsplice.c": "process_vmsplice",
    "fs/process_vmsplice_compat.h": "process_vmsplice",
}
"""What cases must need to get there at all: a case that makes the call says that it needs it."""

_FIRST = {
    "fs/splice.c": ("vmsplice", "splice", "tee"),
    "mm/process_vm_access.c": ("process_vm_readv", "process_vm_writev"),
}
"""Whose suites are the likeliest to notice."""

_ERROR = re.compile(r"\bE[A-Z]{3,}\b")
_GIVEN_BACK = re.compile(r"\b(?:kfree|put_\w+|mmput|mmdrop|fdput)\(")
_SLOW = ("test_allocation", "test_leaks", "properties", "test_model")
"""In the names of cases that make thousands of calls."""


@dataclass
class Knowledge:
    """Which cases caught mutants before: of the same part of the source, and of the same file."""

    near: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    far: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def caught(self, mutant: Mutant, case: str) -> None:
        """Remember."""
        self.near[neighbourhood(mutant)][case] += 1
        self.far[mutant.file][case] += 1


def neighbourhood(mutant: Mutant) -> str:
    """What mutants have in common that the same cases catch: the function, as the id has it."""
    return f"{mutant.file}:{mutant.id.partition(':')[0] if mutant.generated else ''}"


def of(mutant: Mutant, cases: Sequence[Known], knowledge: Knowledge) -> list[str]:
    """All cases that can notice: of the mutant's clause, then what caught others, then the rest.

    Where an error is changed, the cases of clauses that have its name come early; where something
    is given back, those of leaks.

    Of the rest, those of the likely suites come first and those that take long last, and of each
    suite the first case of every function before the second of any.
    """
    if mutant.file in _ONLY:
        cases = [case for case in cases if _ONLY[mutant.file] in case.needs]
    order = [case.id for case in cases if mutant.clause and mutant.clause in case.clauses]
    place = {case.id: index for index, case in enumerate(cases)}

    def caught(counts: Counter[str]) -> list[str]:
        known = [ident for ident in counts if ident in place]
        return sorted(known, key=lambda ident: (-counts[ident], place[ident]))

    order += caught(knowledge.near[neighbourhood(mutant)])
    wanted = {name.lower() for name in _ERROR.findall(mutant.original)}
    if _GIVEN_BACK.search(mutant.original):
        wanted.add("leaks")
    for case in cases:
        words = {word for clause in case.clauses for word in re.split("[:-]", clause)}
        if wanted & words:
            order.append(case.id)
    order += caught(knowledge.far[mutant.file])
    likely = _FIRST.get(mutant.file, ())
    seen: Counter[str] = Counter()
    ranked = []
    for case in cases:
        function = case.id.partition("[")[0]
        suite = case.id.split("/")[1] if "/" in case.id else ""
        rank = likely.index(suite) if suite in likely else len(likely)
        slow = any(word in case.id for word in _SLOW)
        ranked.append((slow, rank, seen[function], place[case.id], case.id))
        seen[function] += 1
    order += [ident for *_, ident in sorted(ranked)]
    return list(dict.fromkeys(order))
