"""pytest's entry: the plugins are the modules of fixtures/."""

import pytest

pytest.register_assert_rewrite("fixtures", "suites.shared")

pytest_plugins = (
    "fixtures.options",
    "fixtures.machine",
    "fixtures.verdicts",
    "fixtures.attempts",
    "fixtures.observation",
    "fixtures.deviations",
    "fixtures.journal",
    "fixtures.steered",
    "fixtures.selection",
    "fixtures.summary",
    # of hooks alike the one that comes later here is called earlier: requirements, then traits
    "fixtures.traits",
    "fixtures.cases",
    "fixtures.processes",
    "fixtures.properties",
    "fixtures.pipes",
    "fixtures.memory",
    "fixtures.hugepages",
    "fixtures.modules",
    "fixtures.swap",
    "fixtures.files",
    "fixtures.identity",
)
