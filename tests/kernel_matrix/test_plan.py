import json

import pytest

from helpers.errors import UserError
from kernel_matrix import plan
from kernel_matrix.plan import Part

KERNELS = ["debian:6.12", "path:my kernel"]


def test_every_part_of_every_kernel():
    assert [(p.kernel, p.shard, p.name) for p in plan.parts(KERNELS, 2)] == [
        ("debian:6.12", "1/2", "debian-6.12-1-of-2"),
        ("debian:6.12", "2/2", "debian-6.12-2-of-2"),
        ("path:my kernel", "1/2", "path-my-kernel-1-of-2"),
        ("path:my kernel", "2/2", "path-my-kernel-2-of-2"),
    ]
    assert [p.name for p in plan.parts(KERNELS, 1)] == ["debian-6.12", "path-my-kernel"]


def test_github_takes_it_in_one_line():
    text = plan.render("github", KERNELS, 2)
    assert "\n" not in text
    rows = json.loads(text)["include"]
    assert rows[1] == {"name": "debian-6.12-2-of-2", "kernel": "debian:6.12", "shard": "2/2"}


def test_gitlab_takes_it_as_a_pipeline():
    job = json.loads(plan.render("gitlab", KERNELS, 2))["kernel-matrix"]
    rows = job["parallel"]["matrix"]
    assert len(rows) == 4
    assert rows[2] == {
        "NAME": "path-my-kernel-1-of-2", "KERNEL": "path:my kernel", "SHARD": "1/2"
    }  # fmt: skip
    assert job["artifacts"]["when"] == "always"


@pytest.mark.parametrize("name", ["json", "github"])
def test_a_plan_can_be_read_again(name):
    assert plan.read(json.loads(plan.render(name, KERNELS, 3))) == plan.parts(KERNELS, 3)


@pytest.mark.parametrize("data", [{}, {"cells": 1}, {"cells": [{}]}, {"include": [{"kernel": 1}]}])
def test_what_is_no_plan_is_one_line(data):
    with pytest.raises(UserError, match="not a plan"):
        plan.read(data)


@pytest.mark.parametrize(("name", "most"), [("github", 256), ("gitlab", 200)])
def test_more_jobs_than_a_matrix_may_have(name, most):
    assert plan.render(name, [f"k{n}" for n in range(most)], 1)
    with pytest.raises(UserError, match=f"more than the {most} that a matrix of {name} may have"):
        plan.render(name, [f"k{n}" for n in range(most)], 2)


def test_one_part_is_everything():
    assert Part("k").shard == "1/1"
