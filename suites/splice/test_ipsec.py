"""Sockets whose packets the kernel decrypts: IPsec, ESP in UDP (RFC 3948)."""

from collections.abc import Callable

import pytest

from fixtures.cases import clause, needs, table
from fixtures.modules import Lacking, LoadModules
from fixtures.pipes import Pipe
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Ok
from suites.shared.files import disk_file
from suites.splice.associations import ESN, GCM, Association, Netlink, Protection
from suites.splice.loopback import IPV4, IPV6, Datagrams, Host, datagrams, loopback_narrow

pytestmark = needs("splice", "root", "disposable", "fd:inet-socket", "net-namespaces")

_MODULES = {c.AF_INET: "esp4", c.AF_INET6: "esp6"}
#: RFC 4303, 2: which association a packet belongs to, and its number there.
_SPI, _NUMBER = bytes([0, 0, 16, 0]), bytes([0, 0, 0, 1])
#: The kernel may decrypt later, and tells nobody when it has: so often it is asked.
_ASKED = 2000

Expect = Callable[[Host, Protection], tuple[Datagrams, Association]]


@pytest.fixture
def expect(caller: Child, load_modules: LoadModules, lacking: Lacking) -> Expect:
    """Makes sockets of which one decrypts what it receives."""

    def make(host: Host, protection: Protection) -> tuple[Datagrams, Association]:
        lacking.check("netlink-xfrm")
        # associations belong to a network namespace: this one goes with the child
        caller.must.unshare(c.CLONE_NEWNET)
        load_modules("xfrm_user", _MODULES[host.family], *protection.modules)
        netlink = caller.socket(c.AF_NETLINK, c.SOCK_DGRAM, c.NETLINK_XFRM)
        if not netlink.ok:
            answer = f"socket(AF_NETLINK, NETLINK_XFRM) answers {netlink!r}"
            lacking.skip("netlink-xfrm", "CONFIG_XFRM_USER", answer)
        association = Association(Netlink(caller, netlink.value), host, _SPI, protection)
        added = association.add()
        if not added.ok:
            option = {c.AF_INET: "CONFIG_INET_ESP", c.AF_INET6: "CONFIG_INET6_ESP"}[host.family]
            lacking.skip(f"{host} {protection}", option, f"XFRM_MSG_NEWSA answers {added!r}")
        pair = datagrams(caller, host)
        encap = c.UDP_ENCAP_ESPINUDP.to_bytes(4, "little")
        caller.must.setsockopt(pair.receiver, c.IPPROTO_UDP, c.UDP_ENCAP, encap, 4)
        return pair, association

    return make


@clause("splice:safety:file-is-not-decrypted-in-a-packet")
@table("host", ("ipv4", IPV4), ("ipv6", IPV6))
@table("protection", ("gcm", GCM), ("esn", ESN))
@table(
    "packets, length, limit",
    ("one", 1, 1024, 0),
    ("several", 3, 1024, 0),
    ("fragments", 1, 3072, 1283),
)
def test_a_file_that_arrives_encrypted_is_as_it_was(
    caller: Child,
    pipe: Pipe,
    directory: str,
    expect: Expect,
    host: Host,
    protection: Protection,
    packets: int,
    length: int,
    limit: int,
) -> None:
    """What came in is decrypted where it is, unless somebody else has it too.

    Several packets are sent as one, and taken apart where they are received: udp(7), UDP_SEGMENT.
    Fragments are put together there.
    """
    pair, association = expect(host, protection)
    file = disk_file(caller, directory, caller.page_size)
    header = caller.memory(8 + protection.iv)
    beginnings = range(length - header.length, packets * length - header.length, length)
    for number, start in enumerate(beginnings, 2):
        caller.poke(header.address, _SPI + number.to_bytes(4, "big"))
        caller.must.pwrite64(file.fd, header, 8, start)
    content = file.content()
    if limit:
        assert loopback_narrow(caller, pair.sender, limit) == Ok(0)
    if packets > 1:
        size = length.to_bytes(4, "little")
        caller.must.setsockopt(pair.sender, c.IPPROTO_UDP, c.UDP_SEGMENT, size, 4)
    caller.poke(header.address, _SPI + _NUMBER)
    rest = packets * length - header.length
    assert caller.splice(file.fd, None, pipe.write, None, rest, 0) == Ok(rest)
    pair.together(True)
    caller.must.write(pair.sender, header, header.length)
    assert caller.splice(pipe.read, None, pair.sender, None, rest, 0) == Ok(rest)
    pair.together(False)
    # none of it is authentic
    assert any(association.refused() == packets for _ in range(_ASKED))
    file.still_holds(content)
