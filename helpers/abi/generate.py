"""Writes constants.py and numbers.toml from the system's headers: python -m helpers.abi.generate.

The lists are in sources.toml. The values are not typed in by hand: the preprocessor and the
compiler say what they are. tests/helpers/test_abi.py verifies the files against the headers of the
machine that it runs on.
"""

import re
import subprocess
import tempfile
import tomllib
from pathlib import Path

from helpers.errors import UserError

HERE = Path(__file__).parent
#: Calls of calls.h that no header has a number for.
UNNUMBERED = frozenset({"process_vmsplice"})


def sources() -> dict[str, dict[str, object]]:
    """The lists of sources.toml."""
    return tomllib.loads((HERE / "sources.toml").read_text(encoding="utf-8"))


def call_names() -> list[str]:
    """The names of calls.h, in its order."""
    text = re.sub(r"/\*.*?\*/", "", (HERE / "calls.h").read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r"\b(\w+)\s*\(", text)


def _compile(source: str) -> str:
    """What a small program prints, built against the system's headers."""
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "print"
        try:
            subprocess.run(
                ["cc", "-D_GNU_SOURCE", "-x", "c", "-", "-o", program],
                input=source, text=True, check=True, capture_output=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise UserError("no C compiler (cc) to read the headers with; install gcc") from error
        except subprocess.CalledProcessError as error:
            first = next(line for line in error.stderr.splitlines() if "error" in line)
            raise UserError(f"the headers do not compile: {first}") from error
        return subprocess.run([program], text=True, check=True, capture_output=True).stdout


def _printed(header: str, body: str) -> dict[str, int]:
    """The "name value" lines that a program with this header and body prints."""
    # headers of requests leave _IOWR() to <linux/ioctl.h>
    includes = f"#include <linux/ioctl.h>\n#include <{header}>\n#include <stdio.h>\n"
    source = f"{includes}int main(void)\n{{\n{body}return 0;\n}}\n"
    return {name: int(value) for name, value in map(str.split, _compile(source).splitlines())}


def constants_of(header: str, names: list[str]) -> dict[str, int]:
    """The values of the names that this header knows."""
    body = "".join(f'#ifdef {n}\nprintf("{n} %lld\\n", (long long)({n}));\n#endif\n' for n in names)
    return _printed(header, body)


def numbers_of(header: str, names: list[str]) -> dict[str, int]:
    """The numbers that an architecture's header gives the calls that it has."""
    body = "".join(f'#ifdef __NR_{n}\nprintf("{n} %d\\n", __NR_{n});\n#endif\n' for n in names)
    return _printed(header, body)


def main() -> None:
    """Write both files."""
    lists = sources()
    values: dict[str, int] = {}
    for header, names in lists["constants"].items():
        assert isinstance(names, list)
        values |= constants_of(header, names)
        missing = [n for n in names if n not in values and n not in lists["newer"]]
        if missing:
            raise UserError(f"<{header}> does not define {', '.join(missing)}; see sources.toml")
    for name, value in lists["newer"].items():
        assert isinstance(value, int)
        values.setdefault(name, value)
    lines = ['"""The kernel\'s constants; written by helpers.abi.generate, do not edit."""\n']
    lines += [f"{name} = {_literal(value)}" for name, value in values.items()]
    (HERE / "constants.py").write_text("\n".join(lines) + "\n", encoding="utf-8")

    tables = ["# Call numbers; written by helpers.abi.generate, do not edit."]
    for arch, table in lists["numbers"].items():
        assert isinstance(table, str)
        tables.append(f"\n[{arch}]")
        tables += [f"{n} = {v}" for n, v in numbers_of(table, call_names()).items()]
    (HERE / "numbers.toml").write_text("\n".join(tables) + "\n", encoding="utf-8")


def _literal(value: int) -> str:
    return str(value) if -4096 < value < 4096 else hex(value)


if __name__ == "__main__":
    main()
