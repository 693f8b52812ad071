"""Module selection on synthetic trees."""

import gzip
import lzma
import shutil
import subprocess

import pytest

from helpers.errors import UserError
from helpers.machine.modules import (
    Selection,
    Tree,
    decompress,
    depends,
    load_order,
    module_name,
    parse_builtin,
    parse_config,
    parse_dep,
    virtio_port,
)

# What Debian's 6.1 has: name -> (folder, needs).
VIRTIO = {
    "virtio": ("drivers/virtio", "virtio_ring"),
    "virtio_ring": ("drivers/virtio", ""),
    "virtio_pci_modern_dev": ("drivers/virtio", ""),
    "virtio_pci_legacy_dev": ("drivers/virtio", ""),
    "virtio_pci": (
        "drivers/virtio",
        "virtio-pci-modern-dev,virtio,virtio_ring,virtio_pci_legacy_dev",
    ),
    "virtio_console": ("drivers/char", "virtio,virtio_ring"),
    "virtio_net": ("drivers/net", "virtio,virtio_ring,net_failover"),
}
ORDER = "virtio_pci_modern_dev virtio_ring virtio virtio_pci_legacy_dev virtio_pci virtio_console"


def elf(name: str, needs: str) -> bytes:
    info = f"\0license=GPL\0depends={needs}\0name={name}\0"
    return b"\x7fELF" + bytes(60) + info.encode() + b"code"


def make_tree(root, modules=VIRTIO, *, builtin="", suffix="", pack=lambda data: data, dep=False):
    for name, (folder, needs) in modules.items():
        path = root / "kernel" / folder / f"{name}.ko{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pack(elf(name, needs)))
    root.mkdir(exist_ok=True)
    if builtin is not None:
        (root / "modules.builtin").write_text(builtin)
    if dep:
        place = {n: f"kernel/{folder}/{n}.ko{suffix}" for n, (folder, _) in modules.items()}
        lines = []
        for name, (_, needs) in modules.items():
            names = [n.replace("-", "_") for n in needs.split(",") if n]
            lines.append(f"{place[name]}: {' '.join(place[n] for n in names if n in place)}")
        (root / "modules.dep").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize("dep", [False, True], ids=["modinfo", "modules.dep"])
@pytest.mark.parametrize(
    ("suffix", "pack"),
    [("", lambda d: d), (".xz", lzma.compress), (".gz", gzip.compress)],
    ids=["plain", "xz", "gz"],
)
def test_modules_in_load_order(tmp_path, dep, suffix, pack):
    tree = make_tree(tmp_path / "6.1.0-1", suffix=suffix, pack=pack, dep=dep)
    found = virtio_port(tree, None)
    assert found.state == "modules"
    assert found.note == "modules of 6.1.0-1"
    names = [module.name for module in found.modules]
    assert sorted(names) == sorted(ORDER.split())
    for module in found.modules:
        for need in depends(module.data):
            assert names.index(need) < names.index(module.name)
    assert all(module.data == elf(module.name, VIRTIO[module.name][1]) for module in found.modules)


ALL_BUILTIN = "kernel/drivers/virtio/virtio_pci.ko\nkernel/drivers/char/virtio_console.ko\n"


@pytest.mark.parametrize(
    ("modules", "builtin", "config", "expected"),
    [
        ({}, ALL_BUILTIN, None, "builtin"),
        ({}, "", None, "missing"),
        ({}, "kernel/drivers/virtio/virtio_pci.ko\n", None, "missing"),
        ({}, None, None, "unknown"),
        ({}, None, "CONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_CONSOLE=y\n", "builtin"),
        ({}, None, "CONFIG_VIRTIO_PCI=y\n# CONFIG_VIRTIO_CONSOLE is not set\n", "missing"),
        ({}, None, "CONFIG_VIRTIO_PCI=m\nCONFIG_VIRTIO_CONSOLE=m\n", "missing"),
        # One half built in, one a module.
        (
            {"virtio_console": ("drivers/char", "")},
            "kernel/drivers/virtio/virtio_pci.ko\n",
            None,
            "modules",
        ),
        # A module that needs what nobody has.
        ({"virtio_console": ("drivers/char", "gone")}, ALL_BUILTIN, None, "missing"),
    ],
)
def test_states(tmp_path, modules, builtin, config, expected):
    tree = make_tree(tmp_path / "r", modules, builtin=builtin)
    path = None
    if config is not None:
        path = tmp_path / "config"
        path.write_text(config)
    found = virtio_port(tree, path)
    assert found.state == expected
    assert found.note
    assert bool(found.modules) == (expected == "modules")


def test_without_a_module_directory(tmp_path):
    assert virtio_port(None, None).state == "unknown"
    config = tmp_path / "config"
    config.write_text("CONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_CONSOLE=y\n")
    assert virtio_port(None, config) == Selection("builtin", note="virtio is built in")
    assert virtio_port(tmp_path / "none", None).state == "missing"
    with pytest.raises(UserError, match="configuration"):
        virtio_port(None, tmp_path / "no-config")


def test_a_path_that_leaves_the_directory_is_refused(tmp_path):
    secret = tmp_path / "secret.ko"
    secret.write_bytes(elf("virtio_pci", ""))
    tree = make_tree(tmp_path / "r", {})
    (tree / "modules.dep").write_text("../secret.ko:\n" + f"{secret}:\n")
    with pytest.raises(UserError, match="outside"):
        Tree(tree).read("secret")
    (tree / "kernel").mkdir()
    (tree / "kernel" / "virtio_pci.ko").symlink_to(secret)
    (tree / "modules.dep").unlink()
    with pytest.raises(UserError, match="outside"):
        Tree(tree).read("virtio_pci")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("kernel/drivers/char/virtio-rng.ko.xz", "virtio_rng"),
        ("a.ko", "a"),
        ("a.ko.zst", "a"),
        ("a.ko.bz2", None),
        ("a.koo", None),
        (".ko", None),
        ("a b.ko", None),
        ("a\n.ko", None),
        ("modules.dep", None),
    ],
)
def test_module_name(path, name):
    assert module_name(path) == name


def test_parsers():
    assert parse_dep("k/a.ko: k/b-c.ko.xz k/d.ko\nk/d.ko:\nnonsense\n") == {
        "a": ("k/a.ko", ("b_c", "d")),
        "d": ("k/d.ko", ()),
    }
    assert parse_builtin("kernel/a-b.ko\nx\n") == {"a_b"}
    assert parse_config('# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C="x=y"\n#\n') == {
        "CONFIG_A": "n",
        "CONFIG_B": "y",
        "CONFIG_C": '"x=y"',
    }
    assert depends(b"\0depends=\0") == ()
    assert depends(b"no such thing") == ()


def test_circle():
    assert load_order(("a",), {"a": ("b",), "b": ("c",)}) == ("c", "b", "a")
    with pytest.raises(UserError, match="a -> b -> a"):
        load_order(("a",), {"a": ("b",), "b": ("a",)})


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        (".xz", b"garbage"),
        (".xz", lzma.compress(elf("m", ""))[:-40]),
        (".gz", b"garbage"),
        (".zst", b"garbage"),
        ("", b"not an ELF file"),
        (".xz", lzma.compress(bytes(65 << 20), preset=0)),
    ],
    ids=["xz", "xz cut", "gz", "zst", "plain", "bomb"],
)
def test_damaged_modules(tmp_path, suffix, data):
    path = tmp_path / f"m.ko{suffix}"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"m\.ko"):
        decompress(path)


@pytest.mark.skipif(shutil.which("zstd") is None, reason="no zstd tool")
def test_zstd(tmp_path):
    path = tmp_path / "m.ko.zst"
    done = subprocess.run(["zstd", "-qc"], input=elf("m", ""), capture_output=True, check=True)
    path.write_bytes(done.stdout)
    assert decompress(path) == elf("m", "")


def test_no_zstd_falls_back_to_the_serial_port_with_a_note(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    tree = make_tree(tmp_path / "r", suffix=".zst")
    found = virtio_port(tree, None)
    assert found.state == "missing"
    assert "apt-get install zstd" in found.note
