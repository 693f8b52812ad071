"""What the cache holds."""

import click

from kernel_matrix.commands.options import example


@click.command(epilog=example("  kernel-matrix clean --kernels"))
@click.option("--kernels", "parts", flag_value="kernels", multiple=True, help="Remove the kernels.")
@click.option(
    "--builds",
    "parts",
    flag_value="builds",
    multiple=True,
    help="Remove the sources and objects of kernels built here.",
)
@click.option("--lists", "parts", flag_value="apt", multiple=True, help="Remove package lists.")
@click.option("--all", "parts", flag_value="*", multiple=True, help="Remove everything.")
def clean(parts: tuple[str, ...]) -> None:
    """Show what the cache holds; remove the named parts of it, and what was left half done."""
    from kernel_matrix import cache_contents

    for part in cache_contents.contents():
        remove = part.abandoned or part.name in parts or "*" in parts
        click.echo(f"{part.size / 1e6:9.1f} MB  {part.path}{'  removed' if remove else ''}")
        if remove:
            cache_contents.remove(part)
