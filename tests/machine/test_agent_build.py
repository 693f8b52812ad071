"""Building the agent, with a tree of our own."""

import pytest

from helpers.errors import UserError
from helpers.machine import agent

MAKEFILE = """\
O = .
ifdef SANITIZE
all: $(O)/agent-sanitized
else
all: $(O)/agent
endif
$(O)/agent $(O)/agent-sanitized: agent.c
\techo built >> $(COUNT)
\t$(CC) -o $@ $<
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.mkdir()
    (source / "Makefile").write_text(MAKEFILE)
    (source / "agent.c").write_text("int main(void) { return 0; }\n")
    monkeypatch.setattr(agent, "SOURCES", source)
    monkeypatch.setenv("KERNEL_MATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COUNT", str(tmp_path / "count"))
    return source


def builds(tree) -> int:
    return len((tree.parent / "count").read_text().splitlines())


def test_built_once_per_content_and_variant(tree):
    first = agent.agent_binary()
    assert first.name == "agent"
    assert agent.agent_binary() == first
    assert builds(tree) == 1
    assert agent.agent_binary("sanitized").name == "agent-sanitized"
    assert builds(tree) == 2
    (tree / "wire.h").write_text("/* new */\n")
    assert agent.agent_binary() != first
    assert builds(tree) == 3
    assert not list(first.parents[1].glob(".partial-*"))


def test_compiler_is_part_of_the_name(tree):
    names = {agent.source_hash(tree, compiler, "plain") for compiler in ("gcc 12", "gcc 13")}
    assert len(names) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"CC": "no-such-compiler"}, "no C compiler no-such-compiler; apt-get install make gcc"),
        ({"PATH": "/nowhere"}, "no C compiler cc"),
        ({"PATH": "/nowhere", "CC": "/bin/true"}, "no make; apt-get install make"),
    ],
)
def test_what_is_missing_is_named(tree, monkeypatch, change, said):
    for key, value in change.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(UserError, match=said):
        agent.agent_binary()


def test_a_source_that_does_not_compile(tree):
    (tree / "agent.c").write_text("int main(void) { return nothing; }\n")
    with pytest.raises(UserError, match="error") as caught:
        agent.agent_binary()
    assert "\n" not in str(caught.value)
    assert not list((tree.parent / "cache" / "agent").iterdir())


def test_no_sources(tree):
    (tree / "Makefile").unlink()
    with pytest.raises(UserError, match="no Makefile"):
        agent.agent_binary()
