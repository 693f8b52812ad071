"""Datagrams from a child to itself, over the loopback interface: udp(7), netdevice(7)."""

from dataclasses import dataclass
from errno import ENOTTY

from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Err, Result

_UP = 1


def _request(number: int) -> bytes:
    """A struct ifreq for the loopback interface."""
    return b"lo".ljust(16, b"\0") + number.to_bytes(4, "little") + bytes(20)


def loopback_narrow(child: Child, socket: int, limit: int) -> Result:
    """Have the loopback interface take packets of up to `limit` bytes, their headers included."""
    return child.ioctl(socket, c.SIOCSIFMTU, abi.new("uint8_t[40]", _request(limit)))


def loopback_up(child: Child, socket: int) -> None:
    """Have the loopback interface up. gVisor's is, and stays so."""
    answer = child.ioctl(socket, c.SIOCSIFFLAGS, abi.new("uint8_t[40]", _request(_UP)))
    assert answer.ok or answer == Err(ENOTTY)


@dataclass(frozen=True)
class Host:
    """The loopback interface's own address.

    Attributes:
        family: AF_INET or AF_INET6.
        address: as it is in a packet.
    """

    family: int
    address: bytes

    @property
    def name(self) -> bytes:
        """A struct sockaddr_in or sockaddr_in6 of it, with any port."""
        flow, scope = (b"", bytes(8)) if self.family == c.AF_INET else (bytes(4), bytes(4))
        return self.family.to_bytes(2, "little") + bytes(2) + flow + self.address + scope

    @property
    def headers(self) -> int:
        """Bytes of the headers of IP and UDP."""
        return {c.AF_INET: 20, c.AF_INET6: 40}[self.family] + 8


IPV4 = Host(c.AF_INET, c.INADDR_LOOPBACK.to_bytes(4, "big"))
IPV6 = Host(c.AF_INET6, (1).to_bytes(16, "big"))


@dataclass(frozen=True)
class Datagrams:
    """A socket that sends, and the one that receives from it."""

    child: Child
    sender: int
    receiver: int

    def together(self, yes: bool) -> None:
        """Whether what is sent from now on is one datagram; it is sent when that ends."""
        value = int(yes).to_bytes(4, "little")
        self.child.must.setsockopt(self.sender, c.IPPROTO_UDP, c.UDP_CORK, value, 4)


def datagrams(child: Child, host: Host) -> Datagrams:
    """Two UDP sockets of a child."""
    receiver = child.must.socket(host.family, c.SOCK_DGRAM, 0)
    loopback_up(child, receiver)
    child.must.bind(receiver, host.name, len(host.name))
    name, length = abi.new("uint8_t[28]"), abi.new("unsigned int *", 28)
    child.must.getsockname(receiver, name, length)
    sender = child.must.socket(host.family, c.SOCK_DGRAM, 0)
    child.must.connect(sender, bytes(name)[: length[0]], length[0])
    return Datagrams(child, sender, receiver)
