import json
import shutil
from hashlib import sha256

import pytest

from helpers.errors import UserError
from helpers.kernel import running_kernel
from kernel_matrix import locked, run_file
from kernel_matrix.manifest import Entry
from kernel_matrix.providers import NotAvailable, debian
from kernel_matrix.providers import path as path_provider
from kernel_matrix.running_cell import Cell

IMAGE = b"\0" * 0x202 + b"HdrS" + b"\0" * 600


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "bzImage"
    path.write_bytes(IMAGE)
    return path


def run_of(directory, kernel, selector):
    """The directory of a run that had this kernel."""
    cell = Cell(Entry(selector, kernel.id), directory / "cell", kernel=kernel)
    (directory / "cell").mkdir(parents=True)
    (directory / "cell" / "kernel.json").write_text(json.dumps(kernel.to_json()))
    run_file.write(directory, {"words": [], "cells": [cell.to_json()]})
    return directory


@pytest.fixture
def run(tmp_path, image):
    kernel = path_provider.resolve(str(image), print)
    from dataclasses import replace

    kernel = replace(kernel, id="mine", memory_mb=512, cmdline="x=1")
    return run_of(tmp_path / "run", kernel, f"path:{image}")


def test_the_same_file_is_the_same_kernel(run, image):
    lock = locked.load(run)["mine"]
    kernel = locked.resolve(lock, print)
    assert (kernel.id, kernel.image) == ("mine", image)
    assert kernel.sha256 == sha256(IMAGE).hexdigest()


def test_a_copy_of_run_json_is_enough(run, image, tmp_path):
    copy = tmp_path / "lock.json"
    shutil.copy(run / "run.json", copy)
    kernel = locked.resolve(locked.load(copy)["mine"], print)
    assert (kernel.id, kernel.image) == ("mine", image)
    assert (kernel.memory_mb, kernel.cmdline) == (512, "x=1")


def test_another_file_is_not_had(run, image):
    image.write_bytes(IMAGE + b"new")
    with pytest.raises(UserError, match=r"mine .* cannot be had any more: path:.* sha256"):
        locked.resolve(locked.load(run)["mine"], print)


def test_a_file_that_is_gone_is_not_had(run, image):
    image.unlink()
    with pytest.raises(UserError, match=r"mine .* cannot be had any more: .*no such file"):
        locked.resolve(locked.load(run)["mine"], print)


def test_the_running_kernel_is_told_by_its_release(tmp_path):
    run = run_of(tmp_path / "r", running_kernel(), "local")
    lock = locked.load(run)["local"]
    assert locked.resolve(lock, print).release == running_kernel().release
    from dataclasses import replace

    with pytest.raises(UserError, match=r"local \(5.4.0, sha256 none\) cannot be had any more"):
        locked.resolve(replace(lock, release="5.4.0"), print)


@pytest.fixture
def package(tmp_path, monkeypatch, image):
    """A package in the cache that the mirror has no more."""
    entry = tmp_path / "cached"
    entry.mkdir()
    shutil.copy(image, entry / "vmlinuz")
    data = {
        "schema": 2, "layout": "1", "packages": ["linux-image-6.1.1-1"], "missing": [],
        "version": "6.1.1-1", "release": "6.1.0-1-amd64", "suite": "bookworm",
        "sha256": sha256(IMAGE).hexdigest(),
    }  # fmt: skip
    (entry / "kernel.json").write_text(json.dumps(data))

    def gone(rest, say):
        raise NotAvailable(f"the mirror has no {rest}")

    monkeypatch.setattr(debian, "resolve", gone)
    monkeypatch.setattr(debian, "cached", lambda: [(entry, data)])
    return debian.described(entry, "debian:6.1")


def test_a_package_that_the_mirror_lost_comes_from_the_cache(tmp_path, package, monkeypatch):
    run = run_of(tmp_path / "r", package, "debian:6.1")
    (run / "cell" / "kernel.json").unlink()
    lock = locked.load(run)["debian:6.1"]
    assert locked.resolve(lock, print).image == package.image
    monkeypatch.setattr(debian, "cached", list)
    with pytest.raises(UserError, match=r"debian:6.1 \(6.1.1-1, .*the mirror has no 6.1.1-1"):
        locked.resolve(lock, print)


def test_only_what_the_run_had_can_be_chosen(run):
    known = locked.load(run)
    (entry,) = locked.entries(known, None, run)
    assert (entry.id, entry.selector) == ("mine", known["mine"].selector)
    with pytest.raises(UserError, match=r"has no debian:6.1; it has mine"):
        locked.entries(known, [Entry("debian:6.1", "debian:6.1")], run)


def test_a_run_from_before_there_were_locks(tmp_path):
    run_file.write(tmp_path, {"cells": [{"id": "a", "selector": "local", "directory": "a"}]})
    with pytest.raises(UserError, match="does not say which kernels it had"):
        locked.load(tmp_path)


def test_how_long_it_took_the_last_time(tmp_path):
    def put(name, seconds, words=(), problem=""):
        cell = {"id": "k", "over": True, "problem": problem, "seconds": seconds}
        (tmp_path / name).mkdir()
        run_file.write(tmp_path / name, {"words": list(words), "cells": [cell]})

    put("20260101-000000-1", 10.0)
    put("20260102-000000-1", 20.0)
    put("20260103-000000-1", 1.0, words=["-k", "one"])
    put("20260104-000000-1", 2.0, problem="interrupted")
    (tmp_path / "20260105-000000-1").mkdir()
    (tmp_path / "20260105-000000-1" / "run.json").write_text("{")
    assert run_file.last_seconds(tmp_path, []) == {"k": 20.0}
    assert run_file.last_seconds(tmp_path, ["-k", "one"]) == {"k": 1.0}
    assert run_file.last_seconds(tmp_path / "none", []) == {}
