"""What a guest is told of the host's time stamp counter."""

import platform

import pytest

from helpers.machine import tsc

on_x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="another counter")


@on_x86_64
def test_two_measurements_agree():
    first, second = tsc._khz.__wrapped__(), tsc._khz.__wrapped__()
    assert first == pytest.approx(second, rel=1e-3)
    assert 100_000 < first < 10_000_000
    assert tsc.arguments("x86_64") == (f"tsc_early_khz={tsc._khz()}",)


@pytest.mark.parametrize(("host", "guest"), [("aarch64", "x86_64"), ("x86_64", "riscv64")])
def test_other_counters_are_not_the_guests(monkeypatch, host, guest):
    monkeypatch.setattr(platform, "machine", lambda: host)
    monkeypatch.setattr(tsc, "_khz", pytest.fail)
    assert tsc.arguments(guest) == ()
