import pytest

from helpers.errors import UserError
from helpers.kernel import Kernel
from kernel_matrix import manifest

GOOD = """\
[[kernel]]
selector = "debian:6.1"
memory_mb = 512
cmdline = "nosmp"

[[kernel]]
id = "mine"
selector = "path:/nonexistent/bzImage"
process_vmsplice_nr = 600

[groups]
default = ["debian:6.1"]
both = ["mine", "debian:6.1"]
"""


def test_load():
    loaded = manifest.parse(GOOD, "m.toml")
    assert list(loaded.kernels) == ["debian:6.1", "mine"]
    assert loaded.kernels["mine"].settings == {"process_vmsplice_nr": 600}
    assert [entry.id for entry in loaded.group("both")] == ["mine", "debian:6.1"]
    assert [entry.id for entry in loaded.group("all")] == ["debian:6.1", "mine"]


def test_settings_are_applied():
    entry = manifest.parse(GOOD, "m.toml").find("debian:6.1")
    kernel = entry.applied(Kernel(selector="debian:6.1", id="x"))
    assert (kernel.id, kernel.memory_mb, kernel.cmdline) == ("debian:6.1", 512, "nosmp")


K = '[[kernel]]\nselector = "debian:6.1"\n'

BAD = [
    ("a = 1\n", "m.toml:1: unknown key 'a'; known: groups, kernel"),
    ("[[kernel]]\n[[kernel\n", "m.toml:2: not TOML: "),
    ("x = 1\nx = 2\n", "m.toml:2: not TOML: "),
    (K + "memroy_mb = 4\n", "m.toml:3: unknown key 'memroy_mb'; known: cmdline, cpus, id, "),
    (K + "\nmemory_mb = 4\n", "m.toml:4: memory_mb is 32 to 1048576, not 4"),
    (K + 'cpus = "2"\n', "m.toml:3: cpus is a number of CPUs, not '2'"),
    (K + "cpus = true\n", "m.toml:3: cpus is a number of CPUs, not True"),
    (K + "process_vmsplice_nr = -1\n", "m.toml:3: process_vmsplice_nr is 0 to 4095, not -1"),
    ('[[kernel]]\nid = "x"\n', "m.toml:1: this kernel has no selector"),
    (K + '\n[[kernel]]\nselector = "foo:1"\n', "m.toml:5: unknown kernel selector 'foo:1'; it is"),
    (K + "\n" + K, "m.toml:5: two kernels have the name 'debian:6.1'"),
    (
        K + '\n[[kernel]]\nselector = "local"\nid = "debian:6.1"\n',
        "m.toml:6: two kernels have the name 'debian:6.1'",
    ),
    ("[kernel]\n", "m.toml:1: kernels are written as [[kernel]]"),
    ("groups = 1\n", "m.toml:1: groups is a table, [groups]"),
    ("[groups]\na = 1\n", "m.toml:2: a group is a list of names of kernels"),
    (K + "[groups]\nall = []\n", "m.toml:4: the group 'all' is every kernel; it cannot be defined"),
    (
        K + '[groups]\na = [\n    "debian:6.1",\n    "debian:6.2",\n]\n',
        "m.toml:6: group 'a' has 'debian:6.2', which is no kernel",
    ),
    (
        K + '[groups]\na = ["debian:6.1", "debian:6.1"]\n',
        "m.toml:4: group 'a' has 'debian:6.1' twice",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[message for _, message in BAD])
def test_what_is_wrong_is_named_with_its_line(text, message):
    with pytest.raises(UserError) as caught:
        manifest.parse(text, "m.toml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_unreadable_file(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        manifest.load(tmp_path / "none.toml")


DEFAULT = ["debian:6.12", "debian:7.3", "reference:6.12"]


def test_the_real_file():
    loaded = manifest.load()
    assert [entry.id for entry in loaded.group("default")] == DEFAULT
    assert {entry.id for entry in loaded.group("stock")} < {e.id for e in loaded.group("all")}
    assert len(loaded.group("stock")) == 11


def test_selection():
    loaded = manifest.load()
    assert loaded.select((), ()) == loaded.group("default")
    chosen = loaded.select(("local", "debian:6.99"), ("default",))
    assert [e.id for e in chosen] == [*DEFAULT, "local", "debian:6.99"]
    assert [e.explicit for e in chosen] == [False] * len(DEFAULT) + [True, True]


@pytest.mark.parametrize(
    ("selectors", "groups", "message"),
    [
        ((), ("nix",), "unknown group 'nix'; the groups are: default, stock, reference, "),
        (("nix",), (), "unknown kernel selector 'nix'"),
        (("local:1",), (), "local:1 means nothing"),
        (("debian:six",), (), "debian:six is not a series"),
        (("path:nix",), (), "path:nix: no such file"),
        (("path:",), (), "path: names no file"),
        (("resolved:nix",), (), "resolved:nix: no such file"),
        (("path:a/bzImage", "path:b/bzImage"), (), "two kernels have the name 'path:bzImage'"),
    ],
)
def test_wrong_selections(selectors, groups, message):
    with pytest.raises(UserError) as caught:
        manifest.load().select(selectors, groups)
    assert str(caught.value).startswith(message)
