"""Security associations of IPsec, how packets are decrypted: NETLINK_XFRM, ip-xfrm(8)."""

from dataclasses import dataclass

from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Result
from suites.splice.loopback import Host

#: enum xfrm_attr_type_t of include/uapi/linux/xfrm.h.
_ALG_AUTH, _ALG_CRYPT, _ENCAP, _ALG_AEAD, _REPLAY_ESN = 1, 2, 4, 18, 23
_NEVER = (1 << 64) - 1
_NAME = 64
_ANSWER = 4096


@dataclass(frozen=True)
class Protection:
    """What an association decrypts with.

    Attributes:
        attributes: kind and content, as the kernel takes them.
        iv: bytes of the initialization vector that stands before what is encrypted.
        flags: XFRM_STATE_...
        modules: what it is made of where that is not built in.
    """

    attributes: tuple[tuple[int, bytes], ...]
    iv: int
    flags: int
    modules: tuple[str, ...]


def _word(number: int) -> bytes:
    return number.to_bytes(4, "little")


def _algorithm(name: str, key: int, *more: int) -> bytes:
    """A struct xfrm_algo, with more fields after the key's length; all lengths in bits."""
    return name.encode().ljust(_NAME, b"\0") + b"".join(map(_word, (8 * key, *more))) + bytes(key)


#: What initialization vectors are begun with, also for an association that never makes one.
_RANDOM = ("hmac", "sha3_generic", "sha512_generic", "jitterentropy_rng", "drbg")

#: RFC 4106: decrypts before it knows whether what it decrypts is authentic.
GCM = Protection(
    ((_ALG_AEAD, _algorithm("rfc4106(gcm(aes))", 20, 128)),),
    8, 0, ("gcm", "ghash_generic", "ctr", "seqiv", *_RANDOM),
)  # fmt: skip
#: RFC 4303, 2.2.1: sequence numbers of 64 bits, whose upper half is authenticated and not sent.
ESN = Protection(
    (
        (_ALG_AUTH, _algorithm("hmac(sha256)", 32)),
        (_ALG_CRYPT, _algorithm("cbc(aes)", 16)),
        # struct xfrm_replay_state_esn: a bitmap of one word for a window of 32
        (_REPLAY_ESN, b"".join(map(_word, (1, 0, 0, 0, 0, 32, 0)))),
    ),
    16, c.XFRM_STATE_ESN,
    ("authenc", "authencesn", "cbc", "hmac", "sha256_generic", "echainiv", *_RANDOM),
)  # fmt: skip


def attribute(kind: int, content: bytes) -> bytes:
    """A struct nlattr and what follows it, padded: netlink(7)."""
    header = (4 + len(content)).to_bytes(2, "little") + kind.to_bytes(2, "little")
    return (header + content).ljust((4 + len(content) + 3) // 4 * 4, b"\0")


class Netlink:
    """A netlink socket of a child, and what it was told."""

    def __init__(self, child: Child, socket: int) -> None:
        """The socket is open."""
        self._child, self._socket = child, socket

    def request(self, kind: int, flags: int, body: bytes) -> bytes:
        """Send a message, and give the body of the answer."""
        length = 16 + len(body)
        header = abi.new("struct nlmsghdr *", (length, kind, c.NLM_F_REQUEST | flags, 0, 0))
        message = self._child.memory(max(length, _ANSWER))
        self._child.poke(message.address, bytes(abi.ffi.buffer(header)) + body)
        self._child.must.write(self._socket, message, length)
        size = self._child.must.read(self._socket, message, _ANSWER)
        return self._child.peek(message.address + 16, size - 16)

    def acknowledged(self, kind: int, flags: int, body: bytes) -> Result:
        """Send a message; whether the kernel did what it says."""
        answer = self.request(kind, flags | c.NLM_F_ACK, body)
        number = -int.from_bytes(answer[:4], "little", signed=True)
        return Result(-1, number) if number else Result(0)


@dataclass(frozen=True)
class Association:
    """One that packets to a host may name."""

    netlink: Netlink
    host: Host
    spi: bytes
    protection: Protection

    @property
    def address(self) -> bytes:
        """As an xfrm_address_t."""
        return self.host.address.ljust(16, b"\0")

    def add(self) -> Result:
        """Have the kernel know it: ESP in UDP, RFC 3948."""
        info = abi.new("struct xfrm_association *")
        info.daddr = info.saddr = self.address
        info.spi, info.family, info.proto = self.spi, self.host.family, c.IPPROTO_ESP
        info.mode, info.flags = c.XFRM_MODE_TRANSPORT, self.protection.flags
        info.limits = [_NEVER] * 4 + [0] * 4
        # struct xfrm_encap_tmpl: its kind, two ports, an address that it had before
        encap = c.UDP_ENCAP_ESPINUDP.to_bytes(2, "little").ljust(24, b"\0")
        content = bytes(abi.ffi.buffer(info))
        for kind, value in (*self.protection.attributes, (_ENCAP, encap)):
            content += attribute(kind, value)
        return self.netlink.acknowledged(c.XFRM_MSG_NEWSA, c.NLM_F_CREATE, content)

    def refused(self) -> int:
        """How many packets it decrypted that were not authentic."""
        name = abi.new("struct xfrm_association_id *")
        name.daddr, name.spi = self.address, self.spi
        name.family, name.proto = self.host.family, c.IPPROTO_ESP
        answer = self.netlink.request(c.XFRM_MSG_GETSA, 0, bytes(abi.ffi.buffer(name)))
        info = abi.new("struct xfrm_association *")
        abi.ffi.memmove(info, answer, abi.ffi.sizeof(info[0]))
        return int(info.integrity_failed)
