"""Debian's own downloader, with a configuration and a state of ours.

apt fetches and verifies: signatures of the package lists against Debian's keyring, checksums of
the packages against the lists. The machine's settings for how to fetch (proxies, credentials,
certificates) apply, because apt reads them first; its sources, its state and its hooks do not.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from helpers.cache import cache_dir, unwritable
from helpers.errors import UserError
from kernel_matrix import errands
from kernel_matrix.providers import Say
from kernel_matrix.providers.aptsources import Mirror

SUITES = (
    "bullseye",
    "bullseye-security",
    "bookworm",
    "bookworm-security",
    "bookworm-backports",
    "trixie",
    "trixie-security",
    "trixie-backports",
    "forky",
    "sid",
)
"""Where kernels are looked for. A mirror need not have all of them."""

_KEYRINGS = tuple(
    Path("/usr/share/keyrings/debian-archive-keyring").with_suffix(suffix)
    for suffix in (".pgp", ".gpg")
)
_CAT_FILE = Path("/usr/lib/apt/apt-helper")


def sources_text(mirror: Mirror, keyring: Path) -> str:
    """The sources.list for our suites."""
    lines = []
    for suite in SUITES:
        base = mirror.security if suite.endswith("-security") else mirror.main
        lines.append(f"deb [arch=amd64 signed-by={keyring}] {base} {suite} main\n")
    return "".join(lines)


def config_text(state: Path) -> str:
    """The apt.conf that is read after the machine's own and overrides it.

    Hooks are cleared: they are meant for changes of the machine's own packages. The binary cache
    is wanted: without it every call parses all lists again.
    """
    return f"""\
Dir::Etc::sourcelist "{state}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{state}";
Dir::State::lists "{state}/lists";
Dir::State::status "{state}/status";
Dir::State::extended_states "{state}/extended_states";
Dir::Cache "{state}/cache";
Dir::Cache::archives "archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
Dir::Log "{state}/log";
APT::Architecture "amd64";
#clear APT::Architectures;
APT::Architectures {{ "amd64"; }};
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg;
#clear Acquire::IndexTargets;
Acquire::IndexTargets::deb::Packages {{
    MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";
    flatMetaKey "Packages";
    ShortDescription "Packages";
    Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages";
}};
Acquire::Languages "none";
Acquire::PDiffs "false";
Acquire::GzipIndexes "true";
Acquire::AllowInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
APT::Sandbox::User "{"root" if os.geteuid() == 0 else ""}";
APT::Color "0";
"""


@dataclass(frozen=True)
class Apt:
    """apt with a state directory of its own.

    Attributes:
        state: the directory.
        mirror: what the lists are fetched from.
    """

    state: Path
    mirror: Mirror

    @classmethod
    def prepared(cls, mirror: Mirror) -> "Apt":
        """With the directory and its configuration written; a mirror has a directory of its own.

        Raises:
            UserError: apt or Debian's keys are not installed, or the cache cannot be written.
        """
        for program in ("apt-get", "dpkg-deb"):
            if shutil.which(program) is None:
                raise UserError(
                    f"no {program} here: debian: kernels are fetched with Debian's tools"
                )
        keyring = next((path for path in _KEYRINGS if path.exists()), None)
        if keyring is None:
            raise UserError(
                "Debian's signing keys are not installed; this installs them: "
                "apt-get install -y debian-archive-keyring"
            )
        sources = sources_text(mirror, keyring)
        name = hashlib.sha256(sources.encode()).hexdigest()[:12]
        state = cache_dir() / "apt" / name
        apt = cls(state, mirror)
        if not apt.config.exists():
            try:
                for part in ("lists/partial", "cache/archives/partial", "log"):
                    (state / part).mkdir(parents=True, exist_ok=True)
                (state / "status").touch()
                (state / "sources.list").write_text(sources)
                partial = state / f"apt.conf.{os.getpid()}"
                partial.write_text(config_text(state))
                partial.rename(apt.config)
            except OSError as error:
                raise unwritable(state, error) from error
        return apt

    @property
    def config(self) -> Path:
        """The file that makes apt ours."""
        return self.state / "apt.conf"

    @contextmanager
    def lock(self, say: Say) -> Iterator[None]:
        """One at a time, also between processes; says so when it has to wait."""
        with (self.state / "in-use").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another kernel-matrix that uses the package lists")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def update(self, say: Say) -> dict[str, str]:
        """Fetch the package lists.

        Returns:
            the suites that could not be fetched, with apt's reason.

        Raises:
            UserError: not one could be.
        """
        say(f"fetching Debian's package lists ({len(SUITES)} suites)")
        # One retry, not the usual three: without a network they cost seven seconds.
        done = self._run("apt-get", "-o", "Acquire::Retries=1", "update")
        if _full(done.stdout):
            raise UserError(
                f"cannot write to {self.state}: No space left on device; free some space"
            )
        missing = failed_suites(done.stdout)
        if len(missing) == len(SUITES):
            reason = next(iter(missing.values()))
            raise UserError(
                f"cannot fetch Debian's package lists: {reason}; "
                "is the network there, and is KERNEL_MATRIX_MIRROR right?"
            )
        return missing

    def lists(self) -> Iterator[tuple[str, bytes]]:
        """Every fetched Packages file, with its suite.

        Raises:
            UserError: apt cannot tell what it has.
        """
        form = "$(RELEASE) $(FILENAME)"
        done = self._run("apt-get", "indextargets", "--format", form, "Created-By: Packages")
        if done.returncode != 0:
            raise UserError(f"apt-get indextargets failed: {_last(done.stdout)}")
        for line in done.stdout.splitlines():
            suite, _, name = line.partition(" ")
            if suite in SUITES and name:
                yield suite, _cat(Path(name))

    def download(self, packages: list[tuple[str, str]], into: Path, say: Say) -> list[Path]:
        """Fetch packages, given by name and version, and let apt verify them.

        Args:
            packages: names and exact versions.
            into: the directory that gets the .deb files.
            say: gets a line at each quarter of the way.

        Raises:
            UserError: they could not be fetched.
        """
        names = [f"{name}={version}" for name, version in packages]
        read_end, write_end = os.pipe()
        try:
            process = subprocess.Popen(
                errands.bound(
                    self._argv("apt-get", "-o", f"APT::Status-Fd={write_end}", "download", *names),
                    "TERM",
                ),
                cwd=into,
                env=_environment(),
                pass_fds=(write_end,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        finally:
            os.close(write_end)
        try:
            with errands.errand(process), os.fdopen(read_end, errors="replace") as progress:
                for percent in quarters(progress):
                    say(f"downloading {packages[0][0]}: {percent}%")
                output, _ = process.communicate()
        except BaseException:
            process.kill()
            process.communicate()
            raise
        if process.returncode != 0:
            raise UserError(f"cannot download {names[0]}: {_last(output)}")
        found = sorted(into.glob("*.deb"))
        if len(found) != len(names):
            raise UserError(f"cannot download {names[0]}: apt-get brought {len(found)} files")
        return found

    def _argv(self, program: str, *arguments: str) -> list[str]:
        return [program, "-c", str(self.config), "-q", *arguments]

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return errands.run(self._argv(program, *arguments), env=_environment())


def quarters(status: Iterable[str]) -> Iterator[int]:
    """25, 50, 75 and 100, once each, when apt's status lines pass them."""
    told = 0
    for line in status:
        match = re.match(r"dlstatus:\d+:([\d.]+):", line)
        percent = 25 * int(float(match[1]) // 25) if match else 0
        if percent > told:
            told = percent
            yield percent


def failed_suites(output: str) -> dict[str, str]:
    """The suites whose lists apt-get update could not fetch, with the reason it printed.

    Its exit status does not tell: what looks like a passing failure of the network is a warning.
    A suite counts as fetched when its release file was (Get) or was still the newest (Hit).
    """
    fetched = set()
    reasons: dict[str, str] = {}
    suite = ""
    for line in output.splitlines():
        match = re.match(r"(Hit|Get|Ign|Err):\d+ \S+ (\S+)", line)
        if match:
            suite = match[2].partition("/")[0]
            if match[1] in ("Hit", "Get"):
                fetched.add(suite)
            elif match[1] == "Err":
                fetched.discard(suite)
                reasons.setdefault(suite, "")
        elif suite in reasons and line.startswith("  ") and not reasons[suite]:
            reasons[suite] = line.strip()
    last = _last(output)
    return {name: reasons.get(name) or last for name in SUITES if name not in fetched}


def _cat(path: Path) -> bytes:
    """A list as apt keeps it, possibly compressed in a way that Python cannot read."""
    done = subprocess.run(
        [_CAT_FILE, "cat-file", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.stdout if done.returncode == 0 else b""


def _environment() -> dict[str, str]:
    """Ours without what would change apt's language or configuration."""
    kept = {name: value for name, value in os.environ.items() if name != "APT_CONFIG"}
    return {**kept, "LC_ALL": "C.UTF-8"}


def _full(output: str) -> bool:
    return "No space left on device" in output


def _last(output: str) -> str:
    """The line that says most: the first error, or else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line[3:] for line in lines if line.startswith("E: ")]
    return errors[0] if errors else (lines[-1] if lines else "no output")
