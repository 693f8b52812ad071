"""The fingerprint of process_vmsplice tells it from what else may live at its number."""

from errno import EBADF, EFAULT, EINVAL, ENOSYS

import pytest

from helpers.outcome import Err, Ok, Result
from helpers.presence import judge


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([Ok(0), Err(EINVAL), Err(EINVAL), Err(EBADF)], ""),
        # The call, with a bug: a case's business.
        ([Err(EBADF), Err(EINVAL), Err(EINVAL), Err(EBADF)], ""),
        ([Ok(0), Ok(0), Err(EINVAL), Err(EBADF)], ""),
        ([Ok(0), Err(EINVAL), Err(EBADF), Err(EBADF)], ""),
        ([Ok(0), Err(EINVAL), Err(EINVAL), Err(EFAULT)], ""),
        ([Err(ENOSYS)] * 4, "call 548 is not there: ENOSYS"),
        # io_pgetevents, which took the number 333 of the patches
        ([Err(EFAULT)] * 4, "does not answer like process_vmsplice"),
        ([Err(EINVAL)] * 4, "does not answer like process_vmsplice"),
        ([Ok(0)] * 4, "does not answer like process_vmsplice"),
        ([Err(EBADF)] * 4, "does not answer like process_vmsplice"),
        ([Ok(0), Err(EINVAL), Err(EBADF), Err(ENOSYS)], "does not answer like process_vmsplice"),
    ],
)
def test_a_single_wrong_answer_is_no_other_call(answers: list[Result], said: str) -> None:
    if said:
        assert said in judge(548, answers)
    else:
        assert judge(548, answers) == ""
