"""What a debug kernel says when all other cases have run: hence the name, it is the last file.

Run by test_in_machine.py; not collected by itself: a disposable machine is needed.
"""

from fixtures.cases import needs
from helpers.outcome import Ok
from tests.reference.procfs import read_file, write_file

pytestmark = needs("disposable", "root", "process_vmsplice")


@needs("config:CONFIG_DEBUG_KMEMLEAK")
def test_kmemleak_finds_nothing(caller):
    path = "/sys/kernel/debug/kmemleak"
    # Objects are looked at when they are five seconds old (jiffies_min_age), and reported when two
    # scans have found nobody who points to them.
    assert caller.poll(None, 0, 6000) == Ok(0)
    write_file(caller, path, b"scan")
    write_file(caller, path, b"scan")
    assert read_file(caller, path) == ""
