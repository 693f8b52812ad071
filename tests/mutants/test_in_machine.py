"""Somebody's own file of mutants, in a kernel built of it: minutes, unless the cache has it."""

import json
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT, environment

pytestmark = [pytest.mark.vm, pytest.mark.network, pytest.mark.slow]

FILE = """\
[[mutant]]
id = "own-errno"
file = "fs/process_vmsplice.c"
original = "return mm == ERR_PTR(-EACCES) ? ERR_PTR(-EPERM) : mm;"
replacement = "return mm;"
clause = "process_vmsplice:errors:eperm"
symptom = "EACCES"

[[mutant]]
id = "own-crash"
file = "mm/process_vm_access.c"
original = "	mm = mm_access(task, PTRACE_MODE_ATTACH_REALCREDS);"
replacement = "	mm = NULL;"
clause = "process_vm_readv:transfer:exact-bytes"
symptom = "a crash"

[[mutant]]
id = "own-no-bug"
file = "fs/splice.c"
original = "	if (unlikely(!len))\\n		return 0;\\n\\n	if (unlikely(flags & ~SPLICE_F_ALL))"
replacement = "	if (!len)\\n		return 0;\\n\\n	if (unlikely(flags & ~SPLICE_F_ALL))"
clause = "splice:length:zero"
symptom = "nothing"

[[mutant]]
id = "own-mistake"
file = "fs/splice.c"
original = "	ret = wait_for_space(opipe, flags);"
replacement = "	ret = wait_for_space(opipe, flags, 1);"
clause = "splice:length:zero"
symptom = "does not compile"

[[mutant]]
id = "own-macro"
file = "fs/process_vmsplice.c"
original = "#define PROCESS_VMSPLICE_BATCH 16"
replacement = "#define PROCESS_VMSPLICE_BATCH 0"
clause = "process_vmsplice:return:bytes-moved"
symptom = "nothing is moved"

[[equivalent]]
id = "own-no-bug"
argument = "unlikely() is for the compiler."
"""


def test_a_file_that_was_never_seen(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(FILE)
    argv = ["mutants", "--file", path, "--json", "--accel", "tcg", "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-m", "kernel_matrix", *argv],
        cwd=ROOT, capture_output=True, text=True, check=False, env=environment(), timeout=1200,
    )  # fmt: skip
    found = {entry["id"]: entry for entry in json.loads(done.stdout)["mutants"]}
    assert {name: (entry["status"], entry["verdict"]) for name, entry in found.items()} == {
        "own-errno": ("caught", "fail"),
        "own-crash": ("caught", "crash"),
        "own-no-bug": ("equivalent", ""),
        "own-mistake": ("not buildable", ""),
        "own-macro": ("caught", "fail"),
    }, done.stderr
    # the compiler's quotation marks are those of the locale
    note = found["own-mistake"]["note"]
    assert re.search("too many arguments to function .wait_for_space.", note), note
    assert found["own-errno"]["clauses"] == ["process_vmsplice:errors:eperm"]
    assert done.returncode == 2
