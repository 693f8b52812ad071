"""Datagrams that several calls make: udp(7), UDP_CORK, and send(2), MSG_MORE."""

from fixtures.cases import clause, needs, table
from fixtures.modules import Lacking
from fixtures.pipes import Pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Ok
from suites.splice.loopback import IPV4, IPV6, Host, datagrams, loopback_narrow

#: Bytes that a packet has room for; no multiple of 8, which fragments are made of.
_LIMIT = 1283
#: Milliseconds for what was sent to arrive; it has when the call returns, unless it was lost.
_PATIENCE = 500


@clause("splice:sockets:one-datagram-of-several-calls")
@needs("splice", "root", "disposable", "fd:inet-socket", "net-namespaces")
@table("host", ("ipv4", IPV4), ("ipv6", IPV6))
@table("more, rest", ("cork", 0, 600), ("more", c.SPLICE_F_MORE, 4000))
def test_what_overflows_a_packet_arrives_with_the_rest(
    caller: Child, pipe: Pipe, lacking: Lacking, host: Host, more: int, rest: int
) -> None:
    """The first call fills a packet, so that the second has to begin with the end of the first."""
    # an interface of its own, which goes with the child
    caller.must.unshare(c.CLONE_NEWNET)
    pair = datagrams(caller, host)
    narrow = loopback_narrow(caller, pair.sender, _LIMIT)
    if not narrow.ok:
        lacking.skip("mtu", None, f"ioctl(SIOCSIFMTU) answers {narrow!r}")
    first = _LIMIT - host.headers
    data, got = caller.memory(first + rest, seed=1), caller.memory(first + rest + 64, seed=2)
    if not more:
        pair.together(True)
    for part, flags in ((data[:first], more), (data[first:], 0)):
        pipe.put(part)
        moved = caller.splice(pipe.read, None, pair.sender, None, part.length, flags)
        assert moved == Ok(part.length)
    if not more:
        pair.together(False)
    arrived = abi.new("struct pollfd *", {"fd": pair.receiver, "events": c.POLLIN})
    assert caller.poll(arrived, 1, _PATIENCE) == Ok(1)
    assert caller.read(pair.receiver, got, got.length) == Ok(data.length)
    got.holds([data.piece(data[:])])
