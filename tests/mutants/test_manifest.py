"""mutants.toml: what is understood, and each mistake in one line."""

import pytest

from helpers.errors import UserError
from kernel_matrix.mutants import manifest
from kernel_matrix.mutants.manifest import Mutant

CLAUSES = frozenset({"call:part:name"})
GOOD = """\
[[mutant]]
id = "one"
file = "fs/splice.c"
original = "a < b"
replacement = "a <= b"
clause = "call:part:name"
symptom = "it is one more"
"""


def parse(text):
    return manifest.parse(text, "mutants.toml", CLAUSES)


def test_an_entry():
    found = parse(GOOD + '[[equivalent]]\nid = "two"\nargument = "because\\n of this"\n')
    (mutant,) = found.mutants
    assert (mutant.id, mutant.file, mutant.place) == ("one", "fs/splice.c", "mutants.toml:1")
    assert not mutant.generated
    (equivalent,) = found.equivalent
    assert (equivalent.argument, equivalent.place) == ("because of this", "mutants.toml:8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('id = "one"', 'id = "one"\nwhy = "x"'), r"mutants.toml:1: unknown key 'why'; known: "),
        (('id = "one"', 'id = "o/e"'), r"mutants.toml:1: id 'o/e': letters"),
        (('id = "one"', "id = 1"), r"mutants.toml:1: id is a text, not 1"),
        (("call:part:name", "call:part:other"), r"mutants.toml:1: no clause call:part:other in"),
        (("fs/splice.c", "/etc/passwd"), r"mutants.toml:1: file '/etc/passwd' is no C file"),
        (("fs/splice.c", "../x.c"), r"file '../x.c' is no C file"),
        (('symptom = "it is one more"\n', ""), r"mutants.toml:1: one has no symptom"),
        (("a <= b", "a < b"), r"mutants.toml:1: one replaces a text by the same text"),
        (("[[mutant]]", "[[mutants]]"), r"expected \[\[mutant\]\] and \[\[equivalent\]\] tables"),
        (("[[mutant]]", "[mutant]"), r"expected \[\[mutant\]\] and"),
        (('id = "one"', "id = one"), r"mutants.toml:2: not TOML"),
        (('id = "one"', 'id = "one"\nflavour = "fast"'), r"flavour is debug or not there, not 'f"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(change, message):
    with pytest.raises(UserError, match=message) as caught:
        parse(GOOD.replace(*change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "file",
    ["process_vmsplice.c", "kernel-matrix/reference/process_vmsplice.c", "fs/process_vmsplice.c"],
)
def test_our_implementation_may_be_named_as_it_lies_here(file):
    (mutant,) = parse(GOOD.replace("fs/splice.c", file)).mutants
    assert mutant.file == "fs/process_vmsplice.c"


def test_an_id_that_is_there_twice():
    with pytest.raises(UserError, match=r"mutants.toml:8: one is there twice, see mutants.toml:1"):
        parse(GOOD * 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", r"m:1: the original text of one is not in fs/splice.c: 'a < b'; it must be exactly"),
        ("a < b\n\nif (a < b)", r"m:1: the original text of one is in fs/splice.c 2 times, lines"),
    ],
)
def test_where_the_original_is(text, message):
    mutant = Mutant("one", "fs/splice.c", "a < b", "a > b", "m:1")
    assert mutant.position("if (a < b)") == 4
    with pytest.raises(UserError, match=message):
        mutant.position(text)


def test_texts_that_overlap_are_two():
    mutant = Mutant("one", "fs/splice.c", "aa", "", "m:1")
    with pytest.raises(UserError, match="2 times, lines 1, 1"):
        mutant.position("aaa")


def test_ours_can_be_loaded():
    found = manifest.load()
    assert len(found.mutants) > 80
    assert {"fs/process_vmsplice.c", "fs/splice.c", "mm/process_vm_access.c"} <= {
        mutant.file for mutant in found.mutants
    }
    assert all(mutant.symptom for mutant in found.mutants)


def test_ours_have_their_originals_in_our_implementation():
    from kernel_matrix import build

    for mutant in manifest.load().mutants:
        name = mutant.file.partition("/")[2]
        if name in build.OURS:
            mutant.position((build.REFERENCE / name).read_text())


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        manifest.load(tmp_path / "none.toml")
