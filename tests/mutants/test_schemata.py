"""One text with many mutants: compiled for this machine, and each of them run."""

import shutil
import subprocess

import pytest

from helpers.errors import UserError
from kernel_matrix.mutants import schemata
from kernel_matrix.mutants.functions import functions
from kernel_matrix.mutants.manifest import Mutant

SOURCE = """\
#define __user
#define LIMIT 3

static int sum(const int __user *values, unsigned long count)
{
	int total = 0;
	unsigned long i;

	for (i = 0; i < count; i++) {
		if (values[i] < 0)
			goto bad;
		total += values[i];
	}
	return total;
bad:
	return -1;
}

static inline void raise(int *value)
{
	*value += 1;
}

SYSCALL_DEFINE2(entry, const int __user *, values, unsigned long, count)
{
	int got;

	if (count > LIMIT)
		return -22;
	got = sum(values, count);
	raise(&got);
	return got;
}
"""

EDITS = {
    "boundary": ("i < count", "i < count - 1"),
    "overlapping": ("	for (i = 0; i < count; i++) {", "	for (i = 1; i < count; i++) {"),
    "goto-and-label": (
        "goto bad;\n		total += values[i];\n	}\n	return total;\nbad:\n	return -1;",
        "goto worse;\n		total += values[i];\n	}\n	return total;\nworse:\n	return -2;",
    ),
    "declaration": ("	int total = 0;", "	unsigned char total = 250;"),
    "void": ("*value += 1;", "*value += 2;"),
    "system-call": ("count > LIMIT", "count >= LIMIT"),
    "macro": ("LIMIT 3", "LIMIT 4"),
    "signature": ("sum(const int __user *values", "sum(int *values"),
    "unbalanced": ("		total += values[i];\n	}", "		total += values[i];"),
}
MUTANTS = {
    number: Mutant(name, "fs/x.c", original, replacement, f"x:{number}")
    for number, (name, (original, replacement)) in enumerate(EDITS.items(), 1)
}

AROUND = """\
#include <stdio.h>
#include <stdlib.h>
#define READ_ONCE(x) (x)
#define noinline __attribute__((noinline))
#define SYSCALL_DEFINE2(name, t1, a1, t2, a2) long name(t1 a1, t2 a2)
%s
unsigned int process_vmsplice_mutant;
int main(int argc, char **argv)
{
	int values[] = { 1, 2, -3 }, good[] = { 1, 2, 3 };
	process_vmsplice_mutant = atoi(argv[1]);
	printf("%%ld %%ld %%ld", entry(good, 2), entry(values, 3), entry(good, 4));
	return 0;
}
"""


def test_functions_of_every_kind_are_found():
    found = functions(SOURCE.encode())
    assert [(f.name, f.arguments, f.void) for f in found] == [
        ("sum", ("values", "count"), False),
        ("raise", ("value",), True),
        ("entry", ("values", "count"), False),
    ]
    assert found[2].header("other") == (
        "static noinline long other(const int __user * values, unsigned long count)\n"
    )


def test_what_cannot_share_a_kernel_is_told():
    planted = schemata.plant(SOURCE, "fs/x.c", MUTANTS, define=False)
    assert planted.alone == {
        "macro": "it is in no function's body",
        "signature": "it is in no function's body",
        "unbalanced": "its braces are not balanced",
    }


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    if shutil.which("gcc") is None:
        pytest.skip("no gcc")
    directory = tmp_path_factory.mktemp("schemata")
    planted = schemata.plant(SOURCE, "fs/x.c", MUTANTS, define=False)
    (directory / "x.c").write_text(AROUND % planted.text)
    subprocess.run(
        ["gcc", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-o",
         directory / "x", directory / "x.c"],
        check=True,
    )  # fmt: skip
    return directory / "x"


@pytest.mark.parametrize(
    ("active", "printed"),
    [
        (0, "4 0 -22"),
        ("boundary", "2 4 -22"),
        ("overlapping", "3 0 -22"),
        ("goto-and-label", "4 -1 -22"),
        ("declaration", "254 0 -22"),
        ("void", "5 1 -22"),
        ("system-call", "4 -22 -22"),
        (77, "4 0 -22"),
    ],
)
def test_the_active_one_and_no_other(program, active, printed):
    numbers = {mutant.id: number for number, mutant in MUTANTS.items()}
    number = numbers.get(active, active)
    done = subprocess.run([program, str(number)], capture_output=True, text=True, check=True)
    assert done.stdout == printed


def test_an_original_that_is_not_there():
    wrong = {1: Mutant("wrong", "fs/x.c", "nothing like it", "", "x.toml:7")}
    with pytest.raises(UserError, match=r"x.toml:7: the original text of wrong is not in fs/x.c"):
        schemata.plant(SOURCE, "fs/x.c", wrong, define=False)


def test_a_mutant_on_its_own():
    text = schemata.replaced(SOURCE, MUTANTS[7])
    assert "#define LIMIT 4" in text
    assert text.replace("LIMIT 4", "LIMIT 3") == SOURCE
