"""The flags of the splice family (splice(2), vmsplice(2), tee(2))."""

from fixtures.cases import table
from helpers.abi import constants as c

ALL = c.SPLICE_F_MOVE | c.SPLICE_F_NONBLOCK | c.SPLICE_F_MORE | c.SPLICE_F_GIFT
#: The first bit that none of them defines.
UNKNOWN_FLAG = 0x10

known_flags = table(
    "flags",
    ("none", 0),
    ("move", c.SPLICE_F_MOVE),
    ("nonblock", c.SPLICE_F_NONBLOCK),
    ("more", c.SPLICE_F_MORE),
    ("gift", c.SPLICE_F_GIFT),
    ("all", ALL),
)
