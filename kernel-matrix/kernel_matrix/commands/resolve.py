"""The kernel that a selector means."""

import json

import click

from kernel_matrix import completion_words, manifest, providers
from kernel_matrix.commands.options import built, example


@click.command(epilog=example("  kernel-matrix resolve debian:6.12 --json"))
@click.argument("selector", shell_complete=completion_words.kernels)
@click.option("--json", "as_json", is_flag=True, help="Print the kernel as a JSON object.")
@click.option("--build", is_flag=True, help="Build a copy of tree:<directory>, and use that.")
def resolve(selector: str, as_json: bool, build: bool) -> None:
    """Fetch the kernel that SELECTOR means, and say where it is.

    \b
    debian:6.12                        the newest package of a series
    debian:6.1.192-2                   a package version
    debian:6.12.95+deb13-cloud-amd64   a release
    reference:6.12[+debug][+mutants]   our own process_vmsplice, built here
    tree:<directory>                   what was built in a tree
    tree:<directory>+build             the same with --build: a copy is configured and built
    path:arch/x86/boot/bzImage         a kernel image
    image:<disk.qcow2>                 a disk image, with its own kernel and user space
      ,user=<name>,password=<word>     log in as them, and use sudo; else root or cloud-init
      ,kernel=<bzImage>,initrd=<file>,append=<arguments>
    gvisor                             gVisor's implementation of the calls, the package runsc
    local                              the running kernel
    or an id in matrix.toml

    A password in a selector is in the run's records too; one in
    KERNEL_MATRIX_IMAGE_PASSWORD is not.
    """
    entry = manifest.load().find(built(selector) if build else selector)
    kernel = entry.applied(
        providers.resolve(entry.selector, lambda line: click.echo(line, err=True))
    )
    if as_json:
        click.echo(json.dumps(kernel.to_json()))
        return
    for key, value in kernel.to_json().items():
        if value not in (None, ""):
            click.echo(f"{key:20} {value}")
