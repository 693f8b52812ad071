"""The scripts that make a shell complete our command line; click asks itself for the words."""

import os

from click import shell_completion
from click.shell_completion import ShellComplete

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "kernel-matrix"
VARIABLE = "_KERNEL_MATRIX_COMPLETE"

# As click's own, but for colons: readline ends a word at each, so that of debian:6.12 only what is
# behind the colon may be answered, and the words must be taken from the line as it was typed.
_BASH = r"""
%(complete_func)s() {
    local IFS=$'\n' line=${COMP_LINE:0:COMP_POINT} type value word prefix=
    word=${line##*[[:space:]]}
    word=${word##*=}
    [[ $COMP_WORDBREAKS == *:* ]] && prefix=${word%%"${word##*:}"}
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
        dir) compopt -o dirnames ;;
        file) compopt -o default ;;
        plain)
            [[ $value == *[:/] ]] && compopt -o nospace
            COMPREPLY+=("$(printf '%%q' "${value#"$prefix"}")")
            ;;
        esac
    done < <(COMP_LINE=$line %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _Bash(shell_completion.BashComplete):
    """Completion in bash, 4.4 or newer."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and what there is of the last one."""
        line = os.environ["COMP_LINE"]
        words = shell_completion.split_arg_string(line)
        if not line or line[-1].isspace():
            return words[1:], ""
        return words[1:-1], words[-1] if len(words) > 1 else ""

    def source(self) -> str:
        """The script; whether bash is new enough shows where it is read."""
        return ShellComplete.source(self)


def register() -> None:
    """Let click use ours for bash."""
    shell_completion.add_completion_class(_Bash, "bash")


def script(shell: str) -> str:
    """What the shell is to read.

    Args:
        shell: one of SHELLS.
    """
    from kernel_matrix.cli import cli

    register()
    found = shell_completion.get_completion_class(shell)
    assert found is not None
    return found(cli, {}, PROGRAM, VARIABLE).source()
