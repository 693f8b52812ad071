"""Source trees: which package, and our changes in them."""

import os

import pytest

from helpers.errors import UserError
from kernel_matrix import build, build_source

LISTS = [
    ("trixie", b"Package: linux-source\nVersion: 9\nSHA256: 00\n\n"
     b"Package: linux-source-6.12\nVersion: 6.12.107-1\nSHA256: aa\nSize: 1\n"),
    ("trixie-security", b"Package: linux-source-6.12\nSize: 1\nVersion: 6.12.117-1\nSHA256: bb\n\n"
     b"Package: linux-source-6.120\nVersion: 6.120.1-1\nSHA256: cc\n"),
    ("bookworm-security", b"Package: linux-source-6.12\nVersion: 6.12.117-1~deb12u1\nSHA256: dd\n"),
]  # fmt: skip


def test_the_newest_package_of_all_suites():
    found = build_source.newest(LISTS, "6.12")
    assert found == build_source.Package("6.12", "6.12.117-1", "trixie-security", "bb")
    assert found.name == "linux-source-6.12"


def test_no_package():
    assert build_source.newest(LISTS, "6.1") is None


PATCH = """\
Subject: a patch

--- a/fs/splice.c
+++ b/fs/splice.c
@@ -1,2 +1,3 @@
 one
 two
+548\tthree
"""


@pytest.fixture
def tree(tmp_path):
    linux = tmp_path / "linux"
    (linux / "fs").mkdir(parents=True)
    (linux / "fs/splice.c").write_text("one\ntwo\n")
    (linux / "fs/pipe.c").write_text("pipe\n")
    (tmp_path / "ours.c").write_text("ours\n")
    return linux


def old(*paths):
    for path in paths:
        os.utime(path, (1, 1))


def test_a_second_time_changes_nothing(tree):
    ours = {"fs/ours.c": tree.parent / "ours.c"}
    build_source.apply(tree, PATCH, ours)
    assert (tree / "fs/splice.c").read_text() == "one\ntwo\n548\tthree\n"
    assert (tree / "fs/ours.c").read_text() == "ours\n"
    old(tree / "fs/splice.c", tree / "fs/ours.c")
    build_source.apply(tree, PATCH, ours)
    assert (tree / "fs/splice.c").stat().st_mtime == 1
    assert (tree / "fs/ours.c").stat().st_mtime == 1


def test_a_changed_file_of_ours_is_all_that_changes(tree):
    ours = {"fs/ours.c": tree.parent / "ours.c"}
    build_source.apply(tree, PATCH, ours)
    old(tree / "fs/splice.c", tree / "fs/ours.c")
    (tree.parent / "ours.c").write_text("changed\n")
    build_source.apply(tree, PATCH, ours)
    assert (tree / "fs/splice.c").stat().st_mtime == 1
    assert (tree / "fs/ours.c").read_text() == "changed\n"


def test_another_patch_takes_the_place_of_the_first(tree):
    build_source.apply(tree, PATCH, {})
    build_source.apply(tree, PATCH.replace("splice.c", "pipe.c").replace(
        "@@ -1,2 +1,3 @@\n one\n two\n", "@@ -1 +1,2 @@\n pipe\n"), {})  # fmt: skip
    assert (tree / "fs/splice.c").read_text() == "one\ntwo\n"
    assert (tree / "fs/pipe.c").read_text() == "pipe\n548\tthree\n"


def test_what_is_rewritten_comes_last_and_goes_with_the_next_build(tree):
    def rewrite(read):
        return {name: read(name) + "more\n" for name in ("fs/splice.c", "fs/pipe.c", "fs/ours.c")}

    ours = {"fs/ours.c": tree.parent / "ours.c"}
    for _ in range(2):
        build_source.apply(tree, PATCH, ours, rewrite)
        assert (tree / "fs/splice.c").read_text() == "one\ntwo\n548\tthree\nmore\n"
        assert (tree / "fs/pipe.c").read_text() == "pipe\nmore\n"
        assert (tree / "fs/ours.c").read_text() == "ours\nmore\n"
    build_source.apply(tree, PATCH, ours)
    assert (tree / "fs/splice.c").read_text() == "one\ntwo\n548\tthree\n"
    assert (tree / "fs/pipe.c").read_text() == "pipe\n"


def test_a_file_to_be_rewritten_that_is_not_there(tree):
    with pytest.raises(UserError, match=r"there is no file fs/none.c in this source"):
        build_source.apply(tree, PATCH, {}, lambda read: {"fs/none.c": read("fs/none.c")})


def test_a_patch_that_does_not_fit_changes_nothing(tree):
    (tree / "fs/splice.c").write_text("one\nthree\n")
    with pytest.raises(UserError, match=r"does not fit this source: .*FAILED"):
        build_source.apply(tree, PATCH, {})
    assert (tree / "fs/splice.c").read_text() == "one\nthree\n"


def test_the_number_is_changed_in_both_tables_only():
    for series in build.available():
        recipe = build.Recipe(series, False, 600)
        assert recipe.patch().count("+600\t") == 2
        assert "+548\t" not in recipe.patch()
        assert build.Recipe(series, False, 548).patch().count("+548\t") == 2


def test_a_number_that_is_taken_is_refused():
    with pytest.raises(UserError, match=r"number 333 .*from 548 on"):
        build.renumbered(PATCH, 333)


def test_each_patch_says_its_series():
    for series in build.available():
        major, minor = map(int, series.split("."))
        text = build.Recipe(series, False, 548).patch()
        assert f"+#define PROCESS_VMSPLICE_SERIES {major * 100 + minor}\n" in text
