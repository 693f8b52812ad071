"""Generated mutants: what the operators do, and ids that stay."""

import pytest

from kernel_matrix.mutants import generate

FUNCTION = """\
static long fill(struct pipe *pipe, unsigned long nr, int flags)
{
	long total = 0;

	%s
	return total;
}
"""


def made(statement, series="6.12"):
    return {
        (mutant.id.split(":")[1], mutant.original, mutant.replacement)
        for mutant in generate.of(FUNCTION % statement, "fs/x.c", series)
    }


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("if (nr < 8) nr = 8;", {("relation", "nr < 8", "nr <= 8"),
                                 ("relation", "nr < 8", "nr > 8"),
                                 ("never", "(nr < 8)", "(0)"), ("always", "(nr < 8)", "(1)"),
                                 ("negate", "(nr < 8)", "(!(nr < 8))"),
                                 ("constant", "8", "9"), ("constant", "8", "7"),
                                 ("drop", "nr = 8;", ";")}),
        ("if (!nr) return -EINVAL;", {("sign", "!nr", "nr"), ("errno", "-EINVAL", "-EIO"),
                                      ("sign", "-EINVAL", "EINVAL"), ("return", "-EINVAL", "0")}),
        ("total = nr + flags;", {("arithmetic", "nr + flags", "nr - flags"),
                                 ("off-by-one", "nr + flags", "(nr + flags) + 1"),
                                 ("off-by-one", "nr + flags", "(nr + flags) - 1")}),
        ("total += put(pipe, nr);", {("assignment", "total += put(pipe, nr)",
                                      "total = put(pipe, nr)"),
                                     ("swap", "(pipe, nr)", "(nr, pipe)"),
                                     ("drop", "total += put(pipe, nr);", ";")}),
        ("if (nr && flags) nr--;", {("logical", "nr && flags", "(nr) || (flags)"),
                                    ("only-left", "nr && flags", "nr"),
                                    ("only-right", "nr && flags", "flags"),
                                    ("count", "nr--", "nr++")}),
        ("total = nr ? nr : 1;", {("negate", "nr ? nr : 1", "!(nr) ? nr : 1"),
                                  ("never", "nr ? nr : 1", "1")}),
        ("while (nr) { nr = 0; break; }", {("never", "(nr)", "(0)"), ("drop", "break;", ";")}),
        ("for (nr = 0; nr < 3; nr++) put(nr);", {("never", "nr < 3", "0"),
                                                 ("drop", "put(nr);", ";")}),
        ("total = cmp_t(size_t, nr, 4);", {("swap", "(size_t, nr, 4)", "(size_t, 4, nr)")}),
    ],
)  # fmt: skip
def test_operators(statement, expected):
    assert expected <= made(statement)


def test_the_error_path_of_an_if_is_dropped_once():
    changes = made("if (flags) return -1;")
    assert ("never", "(flags)", "(0)") in changes
    assert not any(name == "drop" for name, _, _ in changes)


def test_arguments_whose_order_does_not_matter_are_not_swapped():
    assert not any(name == "swap" for name, _, _ in made("total = min3(nr, 4, flags);"))


def ids(text):
    return [mutant.id for mutant in generate.of(text, "fs/x.c", "6.12")]


def test_an_edit_elsewhere_changes_no_other_id():
    before = ids(FUNCTION % "if (nr < 8) nr = 8;")
    after = ids(
        "static int other(int a)\n{\n\treturn a + 1;\n}\n"
        + FUNCTION % "put(pipe);\n\n\tif (nr < 8)\n\t\tnr = 8;"
    )
    assert set(before) < set(after)
    assert len(set(after)) == len(after)


def test_the_same_statement_twice_gets_numbers():
    found = ids(FUNCTION % "put(pipe);\n\tput(pipe);")
    drops = [ident for ident in found if ":drop:" in ident]
    assert drops[1] == f"{drops[0]}.2"


SERIES = """\
#if PROCESS_VMSPLICE_SERIES < 612
static int old(int a)
{
	return a + 1;
}
#endif
static int both(int a)
{
#if PROCESS_VMSPLICE_SERIES >= 606
	return a + 2;
#else
	return a + 3;
#endif
}
"""


@pytest.mark.parametrize(
    ("series", "constants"), [("6.12", {"2"}), ("6.1", {"1", "3"}), ("6.6", {"1", "2"})]
)
def test_what_a_series_does_not_compile_is_left_alone(series, constants):
    found = generate.of(SERIES, "fs/x.c", series)
    assert {m.original for m in found if ":constant:" in m.id} == constants


def test_ours():
    found = generate.generated()
    assert len(found) > 300
    assert len({mutant.id for mutant in found}) == len(found)
    assert [mutant.id for mutant in generate.generated()] == [mutant.id for mutant in found]
