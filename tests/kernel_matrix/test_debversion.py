import itertools
import shutil
import subprocess

import pytest

from kernel_matrix.providers import debversion

# Oldest first; each is older than all that follow.
ASCENDING = [
    "0",
    "5.10.218-1",
    "5.10.218-1+b1",
    "5.10.262-1",
    "6.1~rc1-1~exp1",
    "6.1~rc1-1",
    "6.1-1",
    "6.1.0-1",
    "6.1.9-1",
    "6.1.10-1",
    "6.1.180-1~deb11u1",
    "6.1.180-1",
    "6.12.90-1~bpo12+1",
    "6.12.90-1",
    "6.12.90-1.1",
    "6.12.90-2~bpo12+1",
    "6.12.90-2",
    "6.12.90a-1",
    "6.12.90+dfsg-1",
    "6.12.90+dfsg-10",
    "7.3.4-1~bpo13+1",
    "7.3.4-1",
    "1:1.0-1",
]


@pytest.mark.parametrize(("older", "newer"), list(itertools.combinations(ASCENDING, 2)))
def test_order(older, newer):
    assert debversion.compare(older, newer) == -1
    assert debversion.compare(newer, older) == 1


@pytest.mark.parametrize(
    ("left", "right"), [("1.0", "1.0"), ("1.0", "1.0-0"), ("0:1.0-1", "1.0-1"), ("1.01", "1.1")]
)
def test_equal(left, right):
    assert debversion.compare(left, right) == 0


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg here")
@pytest.mark.parametrize(("older", "newer"), list(itertools.pairwise(ASCENDING)))
def test_dpkg_agrees(older, newer):
    assert (
        subprocess.run(["dpkg", "--compare-versions", older, "lt", newer], check=False).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("version", "parts"),
    [
        ("6.1.192-2", (0, "6.1.192", "2")),
        ("2:1.0-rc-1", (2, "1.0-rc", "1")),
        ("1.0", (0, "1.0", "")),
    ],
)
def test_split(version, parts):
    assert debversion.split(version) == parts
