"""The second drive of a machine that boots a disk image: the agent, and what starts it.

It is an ISO 9660 image (ECMA-119) with three files, made without a tool. cloud-init takes one with
the volume name CIDATA for its NoCloud data source: it runs `user-data` where that is a script, once
for each `instance-id` in `meta-data` (cloud-init's documentation, NoCloud). A login shell needs
neither a file system nor a mount to run the same script: it lies in whole sectors at a known place.

ECMA-119: sectors of 2048 bytes; 16 is the primary volume descriptor, 17 the end of descriptors,
then two path tables (one in each byte order), the root directory and the files.
"""

from dataclasses import dataclass

SECTOR = 2048
SERIAL = "kernel-matrix"
"""The drive's serial number, by which it is found in /sys/block (20 characters are possible)."""

_PRIMARY, _END, _TABLE_L, _TABLE_M, _ROOT, _FIRST_FILE = 16, 17, 18, 19, 20, 21
_DATE = bytes((126, 1, 1, 0, 0, 0, 0))  # 9.1.5: years since 1900, month, day, time, zone
_LONG_DATE = b"2026010100000000\0"  # 8.4.26.1
_NO_DATE = b"0" * 16 + b"\0"

# Places for the agent: one may be mounted without exec, or read-only.
_SCRIPT = """\
#!/bin/sh
# Starts the agent of kernel-matrix, which lies on the drive that this is from.
fail() {{ echo "{nonce}-failed: $*"; rmdir /run/kernel-matrix; exit 1; }}
mkdir -p /run
mkdir /run/kernel-matrix 2>/dev/null || exit 0
for drive in /sys/block/*; do
	[ "$(cat "$drive/serial" 2>/dev/null)" = {serial} ] && break
done
[ -w /tmp ] || mount -t tmpfs tmpfs /tmp # a root that is read-only
echo 1 2>/dev/null >/proc/sys/kernel/panic_on_oops
echo -1 2>/dev/null >/proc/sys/kernel/panic
for place in /root /var/tmp /tmp /dev/shm /run; do
	agent=$place/kernel-matrix-agent
	dd if="/dev/${{drive##*/}}" of="$agent" bs={sector} skip={first} count={count} 2>/dev/null &&
		chmod 700 "$agent" || continue
	"$agent" 2>/dev/null
	[ $? -eq 2 ] || continue # its usage: it can be executed
	said=$("$agent" guest {channel} 2>&1) || fail "$said"
	echo "{nonce}-started"
	exit 0
done
fail "no directory in which it could be executed"
"""


@dataclass(frozen=True)
class Seed:
    """A drive.

    Attributes:
        data: its bytes.
        launch: a line for a root shell (POSIX) that runs the script on it.
    """

    data: bytes
    launch: str


def make_seed(agent: bytes, *, nonce: str, channel: str, cidata: bool) -> Seed:
    """The drive of one boot.

    Args:
        agent: the static program.
        nonce: a word that nothing else on the console has; the script says <nonce>-started, or
            <nonce>-failed: <why>. Also cloud-init's instance id, so that the script runs even in
            an image that cloud-init has already seen.
        channel: "auto", "virtio" or "serial".
        cidata: whether cloud-init is to take it.
    """
    count = -(-len(agent) // SECTOR)
    script = _SCRIPT.format(
        nonce=nonce, serial=SERIAL, sector=SECTOR, first=_FIRST_FILE, count=count, channel=channel
    ).encode()
    # whole sectors, so that a shell can be fed with them
    script += b"\n" * (-len(script) % SECTOR)
    meta = f"instance-id: {nonce}\n".encode()
    data = iso9660(
        {"AGENT": agent, "META-DATA": meta, "USER-DATA": script},
        "CIDATA" if cidata else "KERNEL_MATRIX",
    )
    where = data_sector(data, "USER-DATA")
    launch = (
        f'for d in /sys/block/*; do [ "$(cat $d/serial 2>/dev/null)" = {SERIAL} ] &&'
        f" dd if=/dev/${{d##*/}} bs={SECTOR} skip={where} count={len(script) // SECTOR}"
        " 2>/dev/null | sh; done"
    )
    return Seed(data, launch)


def iso9660(files: dict[str, bytes], volume: str) -> bytes:
    """An image with files in its root directory; the same files give the same bytes.

    Args:
        files: contents by name; names sort, and Linux shows them in lower case without ";1".
        volume: its name.

    Raises:
        ValueError: the names are not sorted or the directory does not fit into a sector.
    """
    if list(files) != sorted(files):
        raise ValueError("names of files have to be sorted (ECMA-119, 9.3)")
    entries = [_record(b"\0", _ROOT, SECTOR, 2), _record(b"\1", _ROOT, SECTOR, 2)]
    body, sector = bytearray(), _FIRST_FILE
    for name, data in files.items():
        entries.append(_record(f"{name};1".encode(), sector, len(data), 0))
        body += data + bytes(-len(data) % SECTOR)
        sector = _FIRST_FILE + len(body) // SECTOR
    directory = b"".join(entries)
    if len(directory) > SECTOR:
        raise ValueError("too many files for a directory of one sector")
    # One record for the root: length of its name, no attributes, place, parent, name, padding.
    table_l = bytes((1, 0)) + _ROOT.to_bytes(4, "little") + (1).to_bytes(2, "little") + bytes(2)
    table_m = bytes((1, 0)) + _ROOT.to_bytes(4, "big") + (1).to_bytes(2, "big") + bytes(2)
    sectors = [
        *[b""] * _PRIMARY,
        _descriptor(volume, sector, len(table_l)),
        b"\xffCD001\1",
        table_l,
        table_m,
        directory,
    ]
    return b"".join(part.ljust(SECTOR, b"\0") for part in sectors) + bytes(body)


def data_sector(image: bytes, name: str) -> int:
    """The first sector of a file in the root directory of such an image.

    Raises:
        KeyError: there is no such file.
    """
    directory = image[_ROOT * SECTOR : (_ROOT + 1) * SECTOR]
    at = 0
    while directory[at]:
        record = directory[at : at + directory[at]]
        if record[33 : 33 + record[32]] == f"{name};1".encode():
            return int.from_bytes(record[2:6], "little")
        at += record[0]
    raise KeyError(name)


def _both(value: int, size: int) -> bytes:
    """A number in both byte orders (7.2.3, 7.3.3)."""
    return value.to_bytes(size, "little") + value.to_bytes(size, "big")


def _record(name: bytes, sector: int, length: int, flags: int) -> bytes:
    """A directory record (9.1)."""
    size = 33 + len(name) + (len(name) + 1) % 2
    return (
        bytes((size, 0))
        + _both(sector, 4)
        + _both(length, 4)
        + _DATE
        + bytes((flags, 0, 0))
        + _both(1, 2)
        + bytes((len(name),))
        + name
        + bytes((len(name) + 1) % 2)
    )


def _descriptor(volume: str, sectors: int, table: int) -> bytes:
    """The primary volume descriptor (8.4)."""
    blank = b" " * 128
    return (
        b"\1CD001\1\0"
        + b" " * 32
        + volume.encode().ljust(32)
        + bytes(8)
        + _both(sectors, 4)
        + bytes(32)
        + _both(1, 2)
        + _both(1, 2)
        + _both(SECTOR, 2)
        + _both(table, 4)
        + _TABLE_L.to_bytes(4, "little")
        + bytes(4)
        + _TABLE_M.to_bytes(4, "big")
        + bytes(4)
        + _record(b"\0", _ROOT, SECTOR, 2)
        + blank * 4
        + b" " * 37 * 3
        + _LONG_DATE * 2
        + _NO_DATE * 2
        + b"\1\0"
    )
