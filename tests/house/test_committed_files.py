"""What no committed file names: a package registry's host, or a folder of somebody's machine.

Installers know where their registry is; a host in a file would be wrong for everybody behind a mirror.
"""

import re

import pytest

from tests.house.source import committed_files, place

# In pieces, so that this file passes its own test.
REGISTRIES = [
    ".".join(pieces)
    for pieces in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
    )
]
MACHINE_FOLDERS = ["/" + name + "/" for name in ("work", "root")]

FORBIDDEN = re.compile(
    "|".join(
        [rf"\b{re.escape(host)}\b" for host in REGISTRIES] + [rf"(?<![\w.-]){folder}" for folder in MACHINE_FOLDERS]
    )
)


def forbidden_names(text: str) -> list[tuple[int, str]]:
    """Return line and text of every forbidden name."""
    return [
        (number, match[0])
        for number, line in enumerate(text.splitlines(), start=1)
        for match in FORBIDDEN.finditer(line)
    ]


def test_no_committed_file_names_a_registry_or_a_machine() -> None:
    """Nothing that git keeps names a registry's host or a machine's folder."""
    files = committed_files()
    assert files
    found = [
        f"{place(file, line)}: {name}"
        for file in files
        for line, name in forbidden_names(file.read_text(errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize("host", REGISTRIES)
def test_a_registry_is_caught(host: str) -> None:
    """A registry's host is found in an address, in a setting and bare."""
    assert forbidden_names(f"--index-url https://{host}/simple") == [(1, host)]
    assert forbidden_names(f'\n"resolved": "https://files.{host}/x.tgz"') == [(2, host)]
    assert forbidden_names(host) == [(1, host)]


@pytest.mark.parametrize("folder", MACHINE_FOLDERS)
def test_a_machine_is_caught(folder: str) -> None:
    """A machine's folder is found at the start of a path, and only there."""
    assert forbidden_names(f"path = '{folder}main'") == [(1, folder)]
    assert forbidden_names(f"docs{folder}page.md and ..{folder}") == []
