import pytest

from kernel_matrix.providers import NotAvailable, debindex


def stanza(name, version, depends="", size=1000):
    text = f"Package: {name}\nSource: linux\nVersion: {version}\n"
    if depends:
        text += f"Depends: kmod, {depends}, foo | bar (>= 1)\n"
    text += f"Description: a kernel\n several lines\nSize: {size}\nSHA256: {name}{version}\n\n"
    return text


def whole(release, version):
    return stanza(f"linux-image-{release}", version)


def divided(release, version, parts=("base", "binary", "modules")):
    depends = ", ".join(f"linux-{p}-{release} (= {version})" for p in ("base", "binary", "modules"))
    return stanza(f"linux-image-{release}", version, depends) + "".join(
        stanza(f"linux-{part}-{release}", version) for part in parts
    )


LISTS = {
    "bullseye": whole("5.10.0-30-cloud-amd64", "5.10.218-1")
    + whole("5.10.0-30-amd64", "5.10.218-1")
    + whole("6.1.0-0.deb11.52-cloud-amd64", "6.1.180-1~deb11u1")
    + stanza("linux-image-5.10-cloud-amd64", "5.10.218-1"),
    "bookworm": whole("6.1.0-9-cloud-amd64", "6.1.9-1")
    + whole("6.1.0-52-cloud-amd64", "6.1.180-1")
    + whole("6.1.0-52-rt-amd64", "6.1.180-1")
    + whole("6.1.0-52-cloud-amd64-unsigned", "6.1.180-1")
    + whole("6.1.0-52-cloud-amd64-dbg", "6.1.180-1")
    + whole("6.1.0-53-amd64", "6.1.190-1"),
    "trixie": whole("6.12.90+deb13-cloud-amd64", "6.12.90-1")
    + whole("6.12.90+deb13.1-cloud-amd64", "6.12.90-2"),
    "trixie-backports": whole("6.12.90+deb12-cloud-amd64", "6.12.90-2~bpo12+1")
    + divided("6.19.14+deb13-cloud-amd64", "6.19.14-1~bpo13+1", ("binary",))
    + divided("7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"),
    "sid": whole("6.12.90+deb13.1-cloud-amd64", "6.12.90-2")
    + divided("7.4.1+deb14-cloud-amd64", "7.4.1-1", ("base", "modules"))
    + whole("7.5-rc2-amd64", "7.5~rc2-1"),
}


@pytest.fixture(scope="module")
def kernels():
    return debindex.kernels_of((suite, text.encode()) for suite, text in LISTS.items())


@pytest.mark.parametrize(
    ("wanted", "release", "version"),
    [
        ("5.10", "5.10.0-30-cloud-amd64", "5.10.218-1"),
        # the newest by Debian's order, and the cloud flavour though amd64 has a newer one
        ("6.1", "6.1.0-52-cloud-amd64", "6.1.180-1"),
        ("6.12", "6.12.90+deb13.1-cloud-amd64", "6.12.90-2"),
        ("7.3", "7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"),
        ("7.5", "7.5-rc2-amd64", "7.5~rc2-1"),
        # an exact version or release
        ("6.1.9-1", "6.1.0-9-cloud-amd64", "6.1.9-1"),
        ("5.10.218-1", "5.10.0-30-cloud-amd64", "5.10.218-1"),
        ("5.10.0-30-amd64", "5.10.0-30-amd64", "5.10.218-1"),
        ("6.1.180-1~deb11u1", "6.1.0-0.deb11.52-cloud-amd64", "6.1.180-1~deb11u1"),
        ("6.12.90+deb13-cloud-amd64", "6.12.90+deb13-cloud-amd64", "6.12.90-1"),
        # a point release
        ("6.12.90", "6.12.90+deb13.1-cloud-amd64", "6.12.90-2"),
    ],
)
def test_choice(kernels, wanted, release, version):
    chosen = debindex.choose(kernels, wanted)
    assert (chosen.release, chosen.version) == (release, version)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            "6.99",
            "debian:6.99 is not available; the mirror has 5.10, 6.1, 6.12, 6.19, 7.3, 7.5",
        ),
        (
            "6.12.1-1",
            "debian:6.12.1-1 is not available; the mirror has of 6.12: "
            "6.12.90-1, 6.12.90-2~bpo12+1, 6.12.90-2",
        ),
        # its linux-binary is not there: without an image there is no kernel
        ("7.4", "debian:7.4 is not available; the mirror has 5.10, 6.1, 6.12, 6.19, 7.3, 7.5"),
    ],
)
def test_not_available(kernels, wanted, message):
    with pytest.raises(NotAvailable) as caught:
        debindex.choose(kernels, wanted)
    assert str(caught.value) == message


def test_an_empty_mirror_says_so():
    with pytest.raises(NotAvailable, match=r"the mirror has no kernels$"):
        debindex.choose([], "6.1")


def test_neither_rt_nor_unsigned_nor_debug_nor_metapackages(kernels):
    assert not [k for k in kernels if any(w in k.release for w in ("rt", "unsigned", "dbg"))]
    assert "5.10-cloud-amd64" not in [kernel.release for kernel in kernels]


def test_a_kernel_of_two_suites_is_there_once(kernels):
    assert [k.version for k in kernels].count("6.12.90-2") == 1


@pytest.mark.parametrize(
    ("wanted", "packages", "missing"),
    [
        ("6.1", ["linux-image-6.1.0-52-cloud-amd64"], ()),
        (
            "7.3",
            [
                "linux-binary-7.3.4+deb13-cloud-amd64",
                "linux-base-7.3.4+deb13-cloud-amd64",
                "linux-modules-7.3.4+deb13-cloud-amd64",
            ],
            (),
        ),
        (
            "6.19",
            ["linux-binary-6.19.14+deb13-cloud-amd64"],
            ("linux-base-6.19.14+deb13-cloud-amd64", "linux-modules-6.19.14+deb13-cloud-amd64"),
        ),
    ],
)
def test_packages(kernels, wanted, packages, missing):
    chosen = debindex.choose(kernels, wanted)
    assert [package.name for package in chosen.packages] == packages
    assert chosen.missing == missing


def test_json_round_trip(kernels):
    for kernel in kernels:
        assert debindex.DebianKernel.from_json(kernel.to_json()) == kernel
