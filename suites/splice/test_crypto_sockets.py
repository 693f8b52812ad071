"""Sockets that decrypt what comes into them: Documentation/crypto/userspace-if.rst."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from errno import EBADMSG

import pytest

from fixtures.cases import clause, needs, table
from fixtures.modules import Lacking, LoadModules
from fixtures.pipes import Pipe
from fixtures.processes import NewChild
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Err, Ok
from suites.shared.files import disk_file, memfd
from suites.shared.sysctls import setting
from suites.splice.messages import MSG_MORE, control, send, word

pytestmark = needs("splice", "root", "disposable")

#: include/linux/socket.h: the level of its options.
_SOL_ALG = 279
_RESTRICTED = "/proc/sys/crypto/af_alg_restrict"
#: Bytes that are authenticated and not encrypted.
_ASSOCIATED = 8


@dataclass(frozen=True)
class Cipher:
    """An authenticated cipher.

    Attributes:
        name: as the kernel has it.
        key: of any content.
        iv: bytes of its initialization vector.
        tag: bytes of what authenticates.
        modules: what it is made of where that is not built in.
        option: the Kconfig option that makes it.
    """

    name: str
    key: bytes
    iv: int
    tag: int
    modules: tuple[str, ...]
    option: str


_BOTH = ("af_alg", "algif_aead")
GCM = Cipher(
    "gcm(aes)", bytes(16), 12, 16, (*_BOTH, "gcm", "ghash_generic", "ctr"), "CONFIG_CRYPTO_GCM"
)
#: Its key: a struct rtattr with the length of the last part, then the key of each part.
AUTHENCESN = Cipher(
    "authencesn(hmac(sha256),cbc(aes))",
    bytes([8, 0, 1, 0, 0, 0, 0, 16]) + bytes(32 + 16), 16, 32,
    (*_BOTH, "authenc", "authencesn", "cbc", "hmac", "sha256_generic"), "CONFIG_CRYPTO_AUTHENC",
)  # fmt: skip
AUTHENC = replace(AUTHENCESN, name="authenc(hmac(sha256),cbc(aes))")

CIPHERS = table("cipher", ("gcm", GCM), ("authenc", AUTHENC), ("authencesn", AUTHENCESN))


def begin_decryption(child: Child, socket: int, cipher: Cipher) -> None:
    """Say what is to be done, and send what is authenticated only."""
    controls = (
        control(_SOL_ALG, c.ALG_SET_OP, word(c.ALG_OP_DECRYPT))
        + control(_SOL_ALG, c.ALG_SET_IV, word(cipher.iv) + bytes(cipher.iv))
        + control(_SOL_ALG, c.ALG_SET_AEAD_ASSOCLEN, word(_ASSOCIATED))
    )
    send(child, socket, child.memory(_ASSOCIATED)[:], controls, MSG_MORE)


Open = Callable[[Cipher], int]


@pytest.fixture
def decrypting(
    caller: Child, new_child: NewChild, load_modules: LoadModules, lacking: Lacking
) -> Open:
    """Makes a socket that waits for what it is to decrypt."""

    def make(cipher: Cipher) -> int:
        lacking.check("af-alg")
        load_modules(*cipher.modules)
        made = caller.socket(c.AF_ALG, c.SOCK_SEQPACKET, 0)
        if not made.ok:
            option = "CONFIG_CRYPTO_USER_API_AEAD"
            lacking.skip("af-alg", option, f"socket(AF_ALG) answers {made!r}")
        address = c.AF_ALG.to_bytes(2, "little") + b"aead".ljust(14, b"\0") + bytes(8)
        address += cipher.name.encode().ljust(64, b"\0")
        # 7.3: what is not on a list of ciphers is not found, unless that is off
        with setting(new_child("keeper"), _RESTRICTED, 0):
            bound = caller.bind(made.value, address, len(address))
        if not bound.ok:
            answer = f"bind(AF_ALG, {cipher.name}) answers {bound!r}"
            lacking.skip(cipher.name, cipher.option, answer)
        option = caller.must.setsockopt
        option(made.value, _SOL_ALG, c.ALG_SET_KEY, cipher.key, len(cipher.key))
        option(made.value, _SOL_ALG, c.ALG_SET_AEAD_AUTHSIZE, None, cipher.tag)
        socket = int(caller.must.accept4(made.value, None, None, 0))
        begin_decryption(caller, socket, cipher)
        return socket

    return make


@clause("splice:safety:file-is-not-decrypted-in-place")
@CIPHERS
@table("kind", ("memfd", "memfd"), ("disk-file", "disk"))
def test_a_file_that_is_decrypted_is_as_it_was(
    caller: Child, pipe: Pipe, directory: str, decrypting: Open, cipher: Cipher, kind: str
) -> None:
    """Its pages are read where they are, and the answer goes elsewhere."""
    socket, size = decrypting(cipher), 1024
    page = caller.page_size
    file = memfd(caller, page) if kind == "memfd" else disk_file(caller, directory, page)
    assert caller.splice(file.fd, None, pipe.write, None, size, 0) == Ok(size)
    assert caller.splice(pipe.read, None, socket, None, size, 0) == Ok(size)
    answer = caller.memory(_ASSOCIATED + size)
    # nothing of it is authentic
    assert caller.read(socket, answer, answer.length) == Err(EBADMSG)
    file.holds(file.part(0, page))
