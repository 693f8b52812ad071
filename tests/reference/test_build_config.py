"""Configuration fragments: what they ask of a series, and what Kconfig made of it."""

import pytest

from helpers.errors import UserError
from kernel_matrix import build, build_config

FRAGMENT = """\
# A comment.
CONFIG_A=y
# For some. [since 5.14]
CONFIG_NEW=y
# Renamed. [until 7.2]
CONFIG_OLD=y
CONFIG_TEXT="a,b"
# CONFIG_OFF is not set
"""
ALWAYS = {"CONFIG_A": "y", "CONFIG_TEXT": '"a,b"', "CONFIG_OFF": "n"}


@pytest.mark.parametrize(
    ("series", "more"),
    [
        ("5.10", {"CONFIG_OLD": "y"}),
        ("5.14", {"CONFIG_NEW": "y", "CONFIG_OLD": "y"}),
        ("6.1", {"CONFIG_NEW": "y", "CONFIG_OLD": "y"}),
        ("7.2", {"CONFIG_NEW": "y", "CONFIG_OLD": "y"}),
        ("7.3", {"CONFIG_NEW": "y"}),
        ("7.10", {"CONFIG_NEW": "y"}),
    ],
)
def test_a_limit_holds_for_the_line_below_it(series, more):
    assert build_config.asked(FRAGMENT, series) == ALWAYS | more


def test_a_line_that_is_no_option_is_named():
    with pytest.raises(UserError, match=r"line 2 .*'CONFIG_A'"):
        build_config.asked("# A\nCONFIG_A\n", "6.1")


def test_what_did_not_come_true_is_listed():
    options = {"CONFIG_A": "y", "CONFIG_B": "y", "CONFIG_C": "n", "CONFIG_D": "n"}
    config = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=y\n"
    assert build_config.unfulfilled(options, config) == ["CONFIG_B=y", "CONFIG_C=n"]


def test_text_is_what_kconfig_reads():
    options = {"CONFIG_A": "y", "CONFIG_B": "n", "CONFIG_C": '"x"'}
    assert build_config.text_of(options) == ('CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x"\n')
    assert build_config.asked(build_config.text_of(options), "6.1") == options


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("series", build.available())
def test_our_fragments_are_understood_and_the_last_one_wins(series, debug):
    options = build_config.merged(build.Recipe(series, debug, 548).fragments, series)
    assert options["CONFIG_CROSS_MEMORY_ATTACH"] == "y"
    assert options["CONFIG_LOCALVERSION"] == ('"-reference-debug"' if debug else '"-reference"')
    assert ("CONFIG_KASAN" in options) is debug
