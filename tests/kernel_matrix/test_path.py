import json

import pytest

from helpers.errors import UserError
from kernel_matrix import providers
from kernel_matrix.providers import path


def image(release="6.12.0-rc1+ (me@here) #1 SMP", magic=b"HdrS", pointer=0x100):
    data = bytearray(4096)
    data[0x202:0x206] = magic
    data[0x20E:0x210] = pointer.to_bytes(2, "little")
    text = release.encode() + b"\0"
    data[0x200 + pointer : 0x200 + pointer + len(text)] = text
    return bytes(data)


@pytest.mark.parametrize(
    ("header", "release"),
    [
        (image(), "6.12.0-rc1+"),
        (image("7.3.4+deb13-cloud-amd64 (x)"), "7.3.4+deb13-cloud-amd64"),
        (image(magic=b"NoNo"), ""),
        (image(pointer=0), ""),
        (image("rubbish here"), ""),
        (image()[:0x210], ""),
        (b"", ""),
    ],
)
def test_release_in_the_header(header, release):
    assert path.release_of(header) == release


def test_a_built_tree_brings_its_configuration(tmp_path):
    boot = tmp_path / "arch/x86/boot"
    boot.mkdir(parents=True)
    (boot / "bzImage").write_bytes(image())
    (tmp_path / ".config").write_text("CONFIG_64BIT=y\n")
    kernel = providers.resolve(f"path:{boot}/bzImage")
    assert kernel.config == tmp_path / ".config"
    assert (kernel.id, kernel.release, len(kernel.sha256)) == ("path:bzImage", "6.12.0-rc1+", 64)


def test_an_installed_kernel_brings_configuration_and_modules(tmp_path):
    (tmp_path / "boot").mkdir()
    modules = tmp_path / "lib/modules/6.12.0-rc1+"
    (modules / "kernel").mkdir(parents=True)
    (tmp_path / "boot/vmlinuz-6.12.0-rc1+").write_bytes(image())
    (tmp_path / "boot/config-6.12.0-rc1+").write_text("")
    kernel = providers.resolve(f"path:{tmp_path}/boot/vmlinuz-6.12.0-rc1+")
    assert (kernel.modules, kernel.config) == (modules, tmp_path / "boot/config-6.12.0-rc1+")


def test_relative_paths(tmp_path, monkeypatch):
    (tmp_path / "bzImage").write_bytes(image())
    monkeypatch.chdir(tmp_path)
    kernel = providers.resolve("path:bzImage")
    assert (kernel.selector, kernel.image) == ("path:bzImage", tmp_path / "bzImage")


def test_a_directory_gets_a_hint(tmp_path):
    with pytest.raises(UserError, match="is a directory; give the kernel image in it"):
        providers.resolve(f"path:{tmp_path}")
    (tmp_path / "arch/x86/boot").mkdir(parents=True)
    (tmp_path / "arch/x86/boot/bzImage").touch()
    with pytest.raises(UserError, match=r"did you mean path:.*/arch/x86/boot/bzImage"):
        providers.resolve(f"path:{tmp_path}")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"selector": "x"}', '{"id": 1, "extra": 2}'])
def test_resolved_rubbish_is_one_line(tmp_path, text):
    file = tmp_path / "kernel.json"
    file.write_text(text)
    with pytest.raises(UserError, match="not a kernel description") as caught:
        providers.resolve(f"resolved:{file}")
    assert "\n" not in str(caught.value)


def test_resolved_round_trip(tmp_path):
    kernel = providers.resolve("local")
    file = tmp_path / "kernel.json"
    file.write_text(json.dumps(kernel.to_json()))
    assert providers.resolve(f"resolved:{file}") == kernel
