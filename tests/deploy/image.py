"""A Dockerfile's steps, run without Docker: each RUN, COPY and CMD in folders of its own instead of an image's."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

SYSTEM_FOLDERS = ("/build", "/opt/hakika", "/var/lib/hakika")
"""What the image has at its root, and a test has in its own folder."""


class Stage:
    """One stage of a Dockerfile, run in a folder that stands for its root."""

    def __init__(self, root: Path, base: str) -> None:
        self.root, self.base = root, base
        self.folder, self.user, self.command, self.healthcheck = "/", "", [""], [""]
        self.environment: dict[str, str] = {}
        self.other: dict[str, str] = {}

    def place(self, text: str) -> str:
        """The text with the image's folders where they are here; whole names only, but of folders below them."""
        names = "|".join(map(re.escape, SYSTEM_FOLDERS))
        return re.sub(rf"(?<![\w.-])({names})(?![\w-])", lambda found: f"{self.root}{found[1]}", text)

    def resolve(self, path: str) -> Path:
        """Where a path of the image is here."""
        return self.root / str(Path(self.folder, path)).lstrip("/")

    def surroundings(self) -> dict[str, str]:
        """The environment of what runs in it: the image's own, and what the machine's installer needs."""
        outside = {
            name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_", "HTTP"))
        }
        here = {name: self.place(value) for name, value in self.environment.items()}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # a Python with pip, as the image's has
        return {"PATH": path, "HOME": os.environ.get("HOME", "/"), **outside, **here}


def read_steps(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, in order, each with its argument."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = lines.replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def build(steps: list[tuple[str, str]], context: Path, folder: Path) -> Stage:
    """Run the steps. → the last stage, as it then is."""
    stages: dict[str, Stage] = {}
    stage = Stage(folder, "")
    for instruction, argument in steps:
        if instruction == "FROM":
            base, _, name = argument.partition(" AS ")
            stages[name] = stage = Stage(folder / (name or "final"), base)
            for one in SYSTEM_FOLDERS:
                (stage.root / one[1:]).parent.mkdir(parents=True, exist_ok=True)
        elif instruction == "COPY":
            _copy(stage, stages, argument, context)
        elif instruction == "RUN":
            _run(stage, argument)
        else:
            _set(stage, instruction, argument)
    return stage


def _set(stage: Stage, instruction: str, argument: str) -> None:
    match instruction:
        case "ENV":
            name, _, value = argument.partition("=")
            stage.environment[name] = value
        case "WORKDIR":
            stage.folder = argument
            stage.resolve("").mkdir(parents=True, exist_ok=True)
        case "CMD":
            stage.command = json.loads(argument)
        case "HEALTHCHECK":
            stage.healthcheck = json.loads(argument.partition(" CMD ")[2])
        case "USER":
            stage.user = argument
        case "VOLUME" | "EXPOSE" | "STOPSIGNAL":
            stage.other[instruction] = argument
        case _:
            raise AssertionError(f"{instruction} is not known to this test")


def _copy(stage: Stage, stages: dict[str, Stage], argument: str, context: Path) -> None:
    source, words = context, shlex.split(argument)
    if words[0].startswith("--from="):
        source = stages[words.pop(0).removeprefix("--from=")].root
    *given, target = words
    for one in given:
        found, into = source / one.lstrip("/"), stage.resolve(target)
        into = into / found.name if target.endswith("/") else into
        if found.is_dir():
            shutil.copytree(found, into, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            _rehome(into, found)
        else:
            shutil.copyfile(found, into)


def _rehome(into: Path, found: Path) -> None:
    """In an image a folder keeps its name when it goes from stage to stage; here it does not, and scripts name it."""
    for script in (into / "bin").glob("*"):
        if script.is_file() and not script.is_symlink() and script.read_bytes()[:2] == b"#!":
            script.write_bytes(script.read_bytes().replace(str(found).encode(), str(into).encode()))


def _run(stage: Stage, command: str) -> None:
    if os.geteuid() != 0:
        command = re.sub(r"--(owner|group)=\d+ ", "", command)
    done = subprocess.run(
        ["/bin/sh", "-ec", stage.place(command)],
        cwd=stage.resolve(""),
        env=stage.surroundings(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"RUN {command}\n{done.stdout}{done.stderr}"
