"""In which order cases are tried."""

import pytest

from kernel_matrix.mutants import order
from kernel_matrix.mutants.manifest import Mutant
from kernel_matrix.mutants.slots import Known

CASES = [
    Known("suites/splice/test_a.py::test_x[1]", ("splice:a:x",)),
    Known("suites/splice/test_a.py::test_x[2]", ("splice:a:x",)),
    Known("suites/vmsplice/test_b.py::test_y[1]", ("vmsplice:b:y",)),
    Known("suites/vmsplice/test_b.py::test_y[2]", ("vmsplice:b:z",)),
    Known("suites/vmsplice/test_leaks.py::test_l", ("vmsplice:b:l",)),
    Known("suites/vmsplice/test_c.py::test_w", ("vmsplice:c:w",)),
    Known("suites/process_vmsplice/test_d.py::test_d", ("p:d:d",), ("process_vmsplice",)),
]
SPLICE = Mutant("a:drop:x", "fs/splice.c", "a", "b", "x")


def names(mutant, knowledge=None):
    ordered = order.of(mutant, CASES, knowledge or order.Knowledge())
    return [ident.rpartition("::test_")[2] for ident in ordered]


def test_likely_suites_first_and_one_case_of_each_function():
    assert names(SPLICE) == ["y[1]", "w", "y[2]", "x[1]", "x[2]", "d", "l"]


def test_the_clause_that_is_broken_comes_first():
    mutant = Mutant("m", "fs/splice.c", "a", "b", "x", "splice:a:x")
    assert names(mutant)[:3] == ["x[1]", "x[2]", "y[1]"]


def test_only_what_can_get_there():
    mutant = Mutant("m", "fs/process_vmsplice.c", "a", "b", "x", "splice:a:x")
    assert names(mutant) == ["d"]


def test_an_error_brings_the_clauses_of_its_name():
    known = Known("suites/tee/test_e.py::test_e", ("tee:errors:eagain-full",))
    mutant = Mutant("a:errno:x", "fs/splice.c", "-EAGAIN", "-EIO", "x")
    assert order.of(mutant, [*CASES, known], order.Knowledge())[0] == known.id


def test_what_is_not_given_back_is_looked_for_in_leaks():
    known = Known("suites/splice/test_leaks.py::test_e", ("splice:leaks:calls",))
    mutant = Mutant("a:drop:x", "fs/splice.c", "	kfree(iov);", ";", "x")
    assert order.of(mutant, [*CASES, known], order.Knowledge())[0] == known.id


@pytest.mark.parametrize(
    ("ident", "first"), [("a:drop:y", "x[2]"), ("b:drop:x", "w"), ("c:drop:x", "w")]
)
def test_what_caught_neighbours(ident, first):
    knowledge = order.Knowledge()
    knowledge.caught(SPLICE, CASES[1].id)
    for name in ("b:a:a", "b:a:b"):
        knowledge.caught(Mutant(name, "fs/splice.c", "a", "b", "x"), CASES[5].id)
    assert names(Mutant(ident, "fs/splice.c", "a", "b", "x"), knowledge)[0] == first
