"""docs/deploy.md is true: it names every file, only commands that exist, and figures that the files have."""

import re

import pytest

from hakika.cli.listing import list_commands
from tests.deploy.proxies import DEPLOY, ROOT

PAGE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
COMMANDS = {one.name: one for one in list_commands()}
FIRST_WORDS = {name.split()[0] for name in COMMANDS}


def test_every_file_is_on_the_page() -> None:
    """What lies in deploy/ is explained, or belongs to a file that is."""
    for file in DEPLOY.iterdir():
        if file.is_dir():
            continue  # freeradius/ has a page of its own: docs/hotspot-routers.md
        named = file.name.removesuffix(".dockerignore").removesuffix(".service").removesuffix(".timer")
        assert named in PAGE or named == "Dockerfile", file


@pytest.mark.parametrize("name", sorted({one.name for one in DEPLOY.iterdir() if one.is_file()} | {"deploy.md"}))
def test_commands_that_are_named_exist(name: str) -> None:
    """On the page and in the files, with their options."""
    text = PAGE if name == "deploy.md" else (DEPLOY / name).read_text(encoding="utf-8")
    for line in re.findall(r"(?:^|`|bin/|exec hakika )hakika ([a-z].*?)(?:`|$)", text, re.MULTILINE):
        words = line.split()
        if words[0] not in FIRST_WORDS:
            assert name != "deploy.md", line
            continue
        known = [COMMANDS[named] for named in (" ".join(words[:2]), words[0]) if named in COMMANDS]
        options = {option for one in known for each in one.options for option in each.names}
        assert {word for word in words if word.startswith("--")} <= options, line


def test_the_domain_stands_where_it_is_said() -> None:
    """Four times in nginx.conf, once in the Caddyfile."""
    nginx = [line for line in (DEPLOY / "nginx.conf").read_text(encoding="utf-8").splitlines() if "#" not in line]
    assert "\n".join(nginx).count("pay.example.com") == 4
    assert (DEPLOY / "Caddyfile").read_text(encoding="utf-8").count("pay.example.com") == 1


def test_the_number_of_backups_is_the_scripts() -> None:
    """The page says how many are kept."""
    kept = re.search(r"kept=\$\{3:-(\d+)\}", (DEPLOY / "hakika-backup").read_text(encoding="utf-8"))
    assert kept
    assert f"keeps {kept[1]} in" in PAGE


def test_every_link_leads_somewhere() -> None:
    """Pages of the same folder, and the folder of files; going-live.md comes with the doctor."""
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
