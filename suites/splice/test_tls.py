"""Sockets whose records the kernel encrypts: Documentation/networking/tls.rst."""

from collections.abc import Callable
from dataclasses import dataclass
from errno import EBADMSG, EINVAL

import pytest

from fixtures.cases import clause, needs, table
from fixtures.modules import Lacking, LoadModules
from fixtures.observation import Observe
from fixtures.pipes import Pipe
from helpers import abi
from helpers.abi import constants as c
from helpers.child import Child
from helpers.outcome import Err, Ok
from suites.shared.files import disk_file, memfd
from suites.splice.loopback import IPV4, loopback_up
from suites.splice.messages import control, send

pytestmark = needs("splice", "root", "disposable", "fd:inet-socket")

#: include/linux/socket.h: the level of its options.
_SOL_TLS = 282
#: include/uapi/linux/tls.h: TLS_SET_RECORD_TYPE; RFC 5246, 6.2.1: a type that is not data.
_RECORD_TYPE, _ALERT = 1, 21
#: The cipher of the records, in pieces that distributions build as modules.
_MODULES = ("tls", "gcm", "ghash_generic", "ctr", "aes_generic", "seqiv")
#: struct tls12_crypto_info_aes_gcm_128: version, cipher, iv, key, salt, sequence number.
_SECRET = (
    c.TLS_1_2_VERSION.to_bytes(2, "little")
    + c.TLS_CIPHER_AES_GCM_128.to_bytes(2, "little")
    + bytes(8 + 16 + 4 + 8)
)
#: Of a record: type (application data), version, length; explicit nonce and tag besides.
_HEADER, _NONCE, _TAG = 5, 8, 16


@dataclass(frozen=True)
class Connection:
    """Two ends of a TCP connection of one child."""

    sender: int
    receiver: int


@pytest.fixture
def connection(caller: Child) -> Connection:
    """One over the loopback interface."""
    listening = caller.must.socket(c.AF_INET, c.SOCK_STREAM, 0)
    loopback_up(caller, listening)
    caller.must.bind(listening, IPV4.name, len(IPV4.name))
    caller.must.listen(listening, 1)
    name, length = abi.new("uint8_t[16]"), abi.new("unsigned int *", 16)
    caller.must.getsockname(listening, name, length)
    sender = caller.must.socket(c.AF_INET, c.SOCK_STREAM, 0)
    caller.must.connect(sender, bytes(name), 16)
    return Connection(sender, caller.must.accept4(listening, None, None, 0))


@pytest.fixture(autouse=True)
def not_known_to_lack_it(lacking: Lacking) -> None:
    """No connection is made for a kernel that cannot encrypt it."""
    lacking.check("tls")


@pytest.fixture
def encrypt(
    caller: Child, load_modules: LoadModules, lacking: Lacking
) -> Callable[[int, int], None]:
    """Has a socket encrypt what it sends (TLS_TX), or decrypt what it receives (TLS_RX)."""

    def switch(socket: int, way: int) -> None:
        if caller.setsockopt(socket, c.IPPROTO_TCP, c.TCP_ULP, b"no-such", 7).ok:
            # gVisor
            lacking.skip("tls", None, "setsockopt(TCP_ULP) takes any name, and does nothing")
        made = caller.setsockopt(socket, c.IPPROTO_TCP, c.TCP_ULP, b"tls", 3)
        if not made.ok:
            load_modules(*_MODULES)
            made = caller.setsockopt(socket, c.IPPROTO_TCP, c.TCP_ULP, b"tls", 3)
        if not made.ok:
            lacking.skip("tls", "CONFIG_TLS", f"setsockopt(TCP_ULP, tls) answers {made!r}")
        caller.must.setsockopt(socket, _SOL_TLS, way, _SECRET, len(_SECRET))

    return switch


Encrypt = Callable[[int, int], None]


@clause("splice:tls:encrypts")
@table("length", ("ten", 10), ("page-and-more", 5000), ("two-records", 20000))
def test_bytes_that_are_spliced_are_encrypted_and_arrive(
    caller: Child, pipe: Pipe, connection: Connection, encrypt: Encrypt, length: int
) -> None:
    encrypt(connection.sender, c.TLS_TX)
    encrypt(connection.receiver, c.TLS_RX)
    data, got = caller.memory(length, seed=1), caller.memory(length, seed=2)
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, connection.sender, None, length, 0) == Ok(length)
    arrived = 0
    while arrived < length:
        part = got[arrived:]
        arrived += caller.must.read(connection.receiver, part, part.length)
    got.holds([data.piece(data[:])])


@clause("splice:tls:encrypts")
def test_what_is_on_the_wire_is_not_what_was_spliced(
    caller: Child, pipe: Pipe, connection: Connection, encrypt: Encrypt
) -> None:
    encrypt(connection.sender, c.TLS_TX)
    data = caller.memory(64, seed=1)
    pipe.put(data[:])
    assert caller.splice(pipe.read, None, connection.sender, None, 64, 0) == Ok(64)
    record = caller.memory(200)
    length = _HEADER + _NONCE + 64 + _TAG
    assert caller.read(connection.receiver, record, 200) == Ok(length)
    raw = record.read()
    assert raw[:_HEADER] == bytes([23, 3, 3]) + (length - _HEADER).to_bytes(2, "big")
    assert data.piece(data[:16]).bytes() not in raw


@clause("splice:observed:tls-more")
def test_how_many_records_more_makes(
    caller: Child, pipe: Pipe, connection: Connection, encrypt: Encrypt, observe: Observe
) -> None:
    encrypt(connection.sender, c.TLS_TX)
    data = caller.memory(64, seed=1)
    pipe.put(data[:])
    for length, flags in ((10, c.SPLICE_F_MORE), (20, c.SPLICE_F_MORE), (34, 0)):
        assert caller.splice(pipe.read, None, connection.sender, None, length, flags) == Ok(length)
    record = caller.memory(400)
    received = caller.must.read(connection.receiver, record, 400)
    observe(f"records: {(received - 64) / (_HEADER + _NONCE + _TAG):g}")


@clause("splice:tls:decrypts")
def test_records_are_decrypted_into_a_pipe(
    caller: Child, pipe: Pipe, connection: Connection, encrypt: Encrypt
) -> None:
    """A call gives no more than one record."""
    encrypt(connection.sender, c.TLS_TX)
    encrypt(connection.receiver, c.TLS_RX)
    data = caller.memory(64, seed=1)
    caller.must.write(connection.sender, data[:40], 40)
    caller.must.write(connection.sender, data[40:], 24)
    lengths = [
        caller.must.splice(connection.receiver, None, pipe.write, None, 1000, 0) for _ in range(2)
    ]
    assert lengths == [40, 24]
    pipe.holds(data.piece(data[:]))


@clause("splice:tls:decrypts")
@table("first", ("spliced", True), ("read", False))
def test_the_rest_of_a_record_stays(
    caller: Child, pipe: Pipe, connection: Connection, encrypt: Encrypt, first: bool
) -> None:
    """Of a record of 40 bytes ten are taken, by this call or by read(2), and then what is left."""
    encrypt(connection.sender, c.TLS_TX)
    encrypt(connection.receiver, c.TLS_RX)
    data, got = caller.memory(40, seed=1), caller.memory(10, seed=2)
    caller.must.write(connection.sender, data, 40)
    if first:
        assert caller.splice(connection.receiver, None, pipe.write, None, 10, 0) == Ok(10)
    else:
        assert caller.read(connection.receiver, got, 10) == Ok(10)
        got.holds([data.piece(data[:10])])
    assert caller.splice(connection.receiver, None, pipe.write, None, 1000, 0) == Ok(30)
    pipe.holds(data.piece(data[:] if first else data[10:]))


@clause("splice:tls:data-alone-is-spliced")
def test_a_record_that_is_no_data_is_einval_and_stays(
    caller: Child, pipe: Pipe, connection: Connection, encrypt: Encrypt
) -> None:
    """It is for recvmsg(2), which can say what it is."""
    encrypt(connection.sender, c.TLS_TX)
    encrypt(connection.receiver, c.TLS_RX)
    alert = control(_SOL_TLS, _RECORD_TYPE, bytes([_ALERT]))
    send(caller, connection.sender, caller.memory(2, seed=1)[:], alert, 0)
    for _ in range(2):
        answer = caller.splice(connection.receiver, None, pipe.write, None, 1000, 0)
        assert answer == Err(EINVAL)
    pipe.holds()


@clause("splice:tls:encrypts")
def test_bytes_that_are_written_and_spliced_arrive_in_order(
    caller: Child, pipe: Pipe, connection: Connection, encrypt: Encrypt
) -> None:
    encrypt(connection.sender, c.TLS_TX)
    encrypt(connection.receiver, c.TLS_RX)
    data, got = caller.memory(90, seed=1), caller.memory(90, seed=2)
    caller.must.write(connection.sender, data[:30], 30)
    pipe.put(data[30:60])
    assert caller.splice(pipe.read, None, connection.sender, None, 30, 0) == Ok(30)
    caller.must.write(connection.sender, data[60:], 30)
    assert caller.read(connection.receiver, got, 90) == Ok(90)
    got.holds([data.piece(data[:])])


@clause("splice:safety:file-is-not-encrypted-in-place")
@table("kind", ("memfd", "memfd"), ("disk-file", "disk"))
def test_a_file_that_was_sent_is_as_it_was(
    caller: Child, pipe: Pipe, directory: str, connection: Connection, encrypt: Encrypt, kind: str
) -> None:
    encrypt(connection.sender, c.TLS_TX)
    size = caller.page_size
    file = memfd(caller, size) if kind == "memfd" else disk_file(caller, directory, size)
    assert caller.splice(file.fd, None, pipe.write, None, size, 0) == Ok(size)
    assert caller.splice(pipe.read, None, connection.sender, None, size, 0) == Ok(size)
    sink = caller.memory(2 * size)
    caller.must.read(connection.receiver, sink, sink.length)
    file.holds(file.part(0, size))


@clause("splice:safety:file-is-not-decrypted-in-place")
@table("kind", ("memfd", "memfd"), ("disk-file", "disk"))
def test_a_file_whose_pages_are_received_as_a_record_is_as_it_was(
    caller: Child, pipe: Pipe, directory: str, connection: Connection, encrypt: Encrypt, kind: str
) -> None:
    """Over the loopback interface the receiver has the file itself, and may not write there."""
    encrypt(connection.receiver, c.TLS_RX)
    size = caller.page_size
    file = memfd(caller, size) if kind == "memfd" else disk_file(caller, directory, size)
    header = bytes([23, 3, 3]) + (size - _HEADER).to_bytes(2, "big")
    caller.must.pwrite64(file.fd, header, len(header), 0)
    content = file.content()
    assert caller.splice(file.fd, None, pipe.write, None, size, 0) == Ok(size)
    assert caller.splice(pipe.read, None, connection.sender, None, size, 0) == Ok(size)
    sink = caller.memory(size)
    assert caller.read(connection.receiver, sink, size) == Err(EBADMSG)
    file.still_holds(content)
