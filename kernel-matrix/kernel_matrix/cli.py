"""The command kernel-matrix: finds the subcommand, and says foreseeable mistakes in one line."""

import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from helpers.errors import UserError
from kernel_matrix import completion
from kernel_matrix.cells import Status

COMMANDS = (
    "bench",
    "bisect",
    "clauses",
    "clean",
    "compare",
    "completion",
    "expectations",
    "history",
    "kernels",
    "merge",
    "mutants",
    "plan",
    "report",
    "resolve",
    "run",
)
"""Each is the function of that name in the module of that name in kernel_matrix/commands."""

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Commands(click.Group):
    """Imports only the command that is wanted, and prints foreseeable mistakes in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found = getattr(import_module(f"kernel_matrix.commands.{name}"), name)
        assert isinstance(found, click.Command)
        return found

    def main(self, *args: Any, **more: Any) -> NoReturn:
        """As click's, but a wrong command line is one line too."""
        try:
            status = super().main(*args, **more | {"standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            status = error.exit_code
        except click.UsageError as error:
            click.echo(_mistake(error), err=True)
            status = error.exit_code
        except click.ClickException as error:
            error.show()
            status = error.exit_code
        except click.Abort:
            status = Status.INTERRUPTED
        sys.exit(status)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(Status.USAGE)
        except KeyboardInterrupt as interrupt:
            # click itself would call it "Aborted!" and status 1, which is findings.
            click.echo(": ".join(filter(None, ("interrupted", str(interrupt)))), err=True)
            ctx.exit(Status.INTERRUPTED)
        except BrokenPipeError:
            # The reader of our output has seen enough; python must not complain when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(Status.CLEAN)


def _mistake(error: click.UsageError) -> str:
    """What is wrong with a command line, and who knows better."""
    what = " ".join(error.format_message().split()).rstrip(".")
    where = error.ctx.command_path if error.ctx else completion.PROGRAM
    end = "" if what.endswith("?") else ";"
    return f"error: {where}: {what[0].lower()}{what[1:]}{end} {where} --help says what it takes"


@click.group(cls=_Commands, context_settings=_SETTINGS)
def cli() -> None:
    """Do kernels keep the promises of process_vmsplice(2) and of the calls that it is made of?

    Exit status: 0 clean, 1 findings, 2 usage, 3 the harness or a machine failed, 4 nothing ran.
    """


def main() -> None:
    """Run the command line."""
    if completion.VARIABLE in os.environ:
        completion.register()
    try:
        cli(prog_name=completion.PROGRAM)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        raise SystemExit(Status.INTERRUPTED) from None
