import subprocess
from pathlib import Path

import pytest

from helpers.errors import UserError
from kernel_matrix.providers import apt, aptsources
from kernel_matrix.providers.aptsources import Entry, Mirror

LIST = """\
# deb http://commented.example/debian bookworm main
deb http://one.example/debian/ bookworm main contrib # why
deb-src http://one.example/debian bookworm main
deb [signed-by=/k.gpg arch=amd64] https://two.example/security bookworm-security main
  deb cdrom:[Debian]/ bookworm main
deb
"""

DEB822 = """\
# the archive
Types: deb deb-src
URIs: http://one.example/debian
Suites: trixie trixie-updates
Components: main
  non-free-firmware
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 x: y
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: http://two.example/security
# between
Suites: trixie-security
Components: main

Enabled: no
Types: deb
URIs: http://three.example/debian
Suites: sid
Components: main

types: deb-src
URIs: http://four.example/debian
Suites: sid
Components: main
"""


def test_one_line_form():
    assert list(aptsources.parse_list(LIST)) == [
        Entry("http://one.example/debian/", "bookworm", ("main", "contrib")),
        Entry("https://two.example/security", "bookworm-security", ("main",)),
        Entry("cdrom:[Debian]/", "bookworm", ("main",)),
    ]


def test_form_with_fields():
    assert list(aptsources.parse_deb822(DEB822)) == [
        Entry("http://one.example/debian", "trixie", ("main", "non-free-firmware")),
        Entry("http://one.example/debian", "trixie-updates", ("main", "non-free-firmware")),
        Entry("http://two.example/security", "trixie-security", ("main",)),
    ]


@pytest.mark.parametrize(
    ("entries", "mirror"),
    [
        ([], None),
        ([Entry("http://u.example/ubuntu", "noble", ("main",))], None),
        ([Entry("cdrom:[x]/", "trixie", ("main",))], None),
        # another archive that uses Debian's suite names
        (
            [
                Entry("http://tools.example/apt", "trixie", ("main",)),
                Entry("http://docker.example/linux/debian", "trixie", ("stable",)),
                Entry("http://m.example/pub/debian/", "trixie", ("main",)),
            ],
            Mirror("http://m.example/pub/debian", "http://m.example/pub/debian-security"),
        ),
        (
            [
                Entry("http://m.example/debian", "stable", ("main",)),
                Entry("http://s.example/", "trixie-security", ("main",)),
            ],
            Mirror("http://m.example/debian", "http://s.example"),
        ),
        # a mirror whose path says nothing is taken when there is no other
        (
            [Entry("http://m.example/mirror", "sid", ("main",))],
            Mirror("http://m.example/mirror", "http://m.example/mirror-security"),
        ),
    ],
)
def test_choice_of_the_mirror(entries, mirror):
    assert aptsources.choose(entries) == mirror


def test_machine_files_are_read(tmp_path, monkeypatch):
    monkeypatch.delenv("KERNEL_MATRIX_MIRROR", raising=False)
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "debian.sources").write_text(DEB822)
    (parts / "other.list.disabled").write_text("deb http://no.example/debian sid main\n")
    expected = Mirror("http://one.example/debian", "http://two.example/security")
    assert aptsources.find_mirror(tmp_path) == expected


def test_no_mirror_is_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv("KERNEL_MATRIX_MIRROR", raising=False)
    with pytest.raises(Exception, match="set KERNEL_MATRIX_MIRROR"):
        aptsources.find_mirror(tmp_path)


def test_the_variable_goes_first(tmp_path, monkeypatch):
    monkeypatch.setenv("KERNEL_MATRIX_MIRROR", "http://x.example/debian/")
    found = aptsources.find_mirror(tmp_path)
    assert found == Mirror("http://x.example/debian", "http://x.example/debian-security")
    monkeypatch.setenv("KERNEL_MATRIX_MIRROR", "x.example debian")
    with pytest.raises(Exception, match="not the base address"):
        aptsources.find_mirror(tmp_path)


def test_our_sources_are_signed_and_split_by_archive():
    text = apt.sources_text(Mirror("http://m.example/debian", "http://s.example"), Path("/k.gpg"))
    assert len(text.splitlines()) == len(apt.SUITES)
    for line in text.splitlines():
        words = line.split()
        assert words[:3] == ["deb", "[arch=amd64", "signed-by=/k.gpg]"]
        assert ("s.example" in words[3]) == words[4].endswith("-security")


def test_configuration_leaves_the_machine_alone(tmp_path):
    text = apt.config_text(tmp_path)
    assert f'Dir::State::status "{tmp_path}/status";' in text
    assert "#clear APT::Update::Post-Invoke-Success;" in text
    assert "Insecure" not in text.replace('Acquire::AllowInsecureRepositories "false"', "")


UPDATE = """\
Hit:1 http://m.example/debian trixie InRelease
Get:2 http://m.example/debian sid InRelease [200 kB]
Get:3 http://m.example/debian sid/main amd64 Packages [9 MB]
Ign:4 http://m.example/debian forky InRelease
Err:5 http://m.example/debian forky Release
  404  Not Found [IP: 192.0.2.1 80]
Get:6 http://m.example/debian bookworm InRelease [200 kB]
Err:7 http://m.example/debian bookworm/main amd64 Packages
  Hash Sum mismatch
E: The repository 'http://m.example/debian forky Release' does not have a Release file.
"""


def test_which_suites_failed():
    failed = apt.failed_suites(UPDATE)
    assert "trixie" not in failed
    assert "sid" not in failed
    assert failed["forky"] == "404  Not Found [IP: 192.0.2.1 80]"
    assert failed["bookworm"] == "Hash Sum mismatch"
    assert set(failed) == set(apt.SUITES) - {"trixie", "sid"}


def test_no_network_is_all_suites():
    output = "Err:1 http://m.example/debian trixie InRelease\n  Could not resolve 'm.example'\n"
    assert len(apt.failed_suites(output)) == len(apt.SUITES)


def test_progress_is_told_by_quarters():
    lines = [f"dlstatus:1:{percent}:Retrieving file 1 of 3 (2s remaining)\n" for percent in
             ("0.0", "12.5", "26.1", "27", "80.0", "100.0", "100.0")]  # fmt: skip
    assert list(apt.quarters(["pmstatus:x:1:y", *lines])) == [25, 75, 100]


def test_a_full_disk_is_no_network_that_is_not_there(tmp_path, monkeypatch):
    output = "".join(
        f"Err:{n} http://one.example {suite} InRelease\n"
        "  Error writing to file - write (28: No space left on device)\n"
        for n, suite in enumerate(apt.SUITES)
    )
    done = subprocess.CompletedProcess([], 100, output)
    monkeypatch.setattr(apt.Apt, "_run", lambda *arguments: done)
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path))
    mirror = Mirror("http://one.example/debian", "http://one.example/security")
    prepared = apt.Apt.prepared(mirror)
    with pytest.raises(UserError, match="No space left on device; free some space"):
        prepared.update(lambda line: None)
