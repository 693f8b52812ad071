"""Completion in the user's shell."""

import click

from kernel_matrix import completion as scripts
from kernel_matrix.commands.options import example


@click.command(
    epilog=example(
        "  source <(kernel-matrix completion bash)           # also into ~/.bashrc\n"
        "  source <(kernel-matrix completion zsh)            # also into ~/.zshrc\n"
        "  kernel-matrix completion fish | source            # also into config.fish"
    )
)
@click.argument("shell", type=click.Choice(scripts.SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options, kernels, groups, runs and cases."""
    click.echo(scripts.script(shell).strip())
