"""Which mutant a compiler's line is about."""

from kernel_matrix.mutants.build import Shared, mistakes
from kernel_matrix.mutants.manifest import Mutant

OUTPUT = """\
  CC      fs/splice.o
fs/process_vmsplice.c: In function 'process_vmsplice_room':
mutant-3: In function 'process_vmsplice_room__mutant_3':
mutant-3:135:25: warning: unused variable 'used' [-Wunused-variable]
mutant-3:136:26: error: wrong type argument to unary exclamation mark
mutant-4: In function 'process_vmsplice_put__mutant_4':
/src/include/linux/minmax.h:26:35: error: static assertion failed
  205 |                 buf.len = min_t(size_t, len)
mutant-4:205:35: note: in expansion of macro 'min_t'
mutant-5: In function 'process_vmsplice_get__mutant_5':
/src/include/linux/err.h:30:9: error: call to '__compiletime_assert_1' declared with attribute error
fs/splice.c: At top level:
/src/include/linux/moduleparam.h:416:9: error: redefinition of '__check_mutant'
ld: fs/splice.o: in function `process_vmsplice_mm__mutant_6':
splice.c:(.text+0x12): undefined reference to `find_task'
"""


def test_each_mistake_is_found_whose_it_is():
    assert mistakes(OUTPUT) == {
        3: "wrong type argument to unary exclamation mark",
        4: "static assertion failed",
        5: "call to '__compiletime_assert_1' declared with attribute error",
        6: "undefined reference to `find_task'",
    }


def mutant(ident, file="fs/splice.c", original="x = 1;", replacement="x = 2;"):
    return Mutant(ident, file, original, replacement, f"{ident}.toml:1", "a:b:c", "seen")


def read(path):
    return {
        "fs/splice.c": "int a(int x)\n{\n\tx = 1;\n\treturn x;\n}\n",
        "mm/other.c": "int b(void)\n{\n\treturn 1;\n}\n",
    }[path]


def test_a_mistake_leaves_the_others_in():
    shared = Shared.of([mutant("first"), mutant("second", replacement="x = y;")])
    assert "case 1:" in shared.rewrite(read)["fs/splice.c"]
    assert shared.leave_out("mutant-2:3:5: error: 'y' undeclared")
    text = shared.rewrite(read)["fs/splice.c"]
    assert "case 1:" in text
    assert "case 2:" not in text
    assert shared.record()["mutants"][1] == {
        "number": 2, "id": "second", "problem": "'y' undeclared", "alone": "",
    }  # fmt: skip
    assert not shared.leave_out("make: *** No space left on device")


def test_each_file_is_compiled_where_it_is():
    shared = Shared.of(
        [mutant("other", "mm/other.c", "return 1;", "return 2;"),
         mutant("ours", "fs/process_vmsplice.c"), mutant("header", "include/linux/fs.h")]
    )  # fmt: skip
    assert shared.objects == ["fs/splice.o", "mm/other.o"]


def test_the_variable_is_defined_once():
    texts = Shared.of([mutant("b", "mm/other.c", "return 1;", "return 2;")]).rewrite(read)
    assert "module_param_named" in texts["fs/splice.c"]
    assert "module_param_named" not in texts["mm/other.c"]
    assert "case 1: return b__mutant_1();" in texts["mm/other.c"]
