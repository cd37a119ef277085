"""Commands on the pages exist: programs, flags, tables, data sets and extras."""

import ast
import importlib.util
import pathlib
import re
import tomllib

import pytest

from experiments.tables import TABLES
from jaxpose.__main__ import MODES, MODULES
from jaxpose.datasets.builders import BUILDERS

ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "experiments/*.md", "jaxpose/released/*.md")
    for path in ROOT.glob(pattern)
)
BLOCK = re.compile(r"^ *```(?:\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?:python3? -m ([\w.]+\w)|^\s*jaxpose ([a-z]+))(.*)")
FLAG = re.compile(r"--([\w-]+)")
# How argparse, absl and ml_collections define a flag.
DEFINED = re.compile(r'(?:"--|DEFINE_\w+\(\s*")([\w-]+)"')
OF_ABSL = {"help", "helpfull", "verbosity"}
EXTRA = re.compile(r"(?:jaxpose|\.)\[(\w+)\]")


def commands(page: str) -> list[tuple[str, str]]:
    """Returns the module and the arguments of each command of a page."""
    text = (ROOT / page).read_text().replace("\\\n", " ")
    found = []
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    prose = BLOCK.sub("", text).replace("\n", " ")
    for line in lines + INLINE.findall(prose):
        for part in re.split(r"&&|;|\|", line.partition(" #")[0]):
            match = COMMAND.search(part)
            if match:
                module = match[1] or f"jaxpose {match[2]}"
                found.append((module, match[3].rstrip("'\" ")))
    return found


def source(module: str) -> pathlib.Path | None:
    """Returns the file of a module of this checkout, and None of another one."""
    base = ROOT.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def known_flags(module: str) -> set[str]:
    """Returns the flags that a program defines, itself or in what it imports."""
    path = source(module)
    flags = set(DEFINED.findall(path.read_text()))
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for imported in map(source, names):
            if imported:
                flags |= set(DEFINED.findall(imported.read_text()))
    return flags


def module_of(command: str) -> str:
    """Returns the module of `jaxpose COMMAND`, or the module itself."""
    program, _, name = command.partition(" ")
    if not name:
        return program
    return "jaxpose.main" if name in MODES else f"jaxpose.{name}"


def test_commands_are_found():
    """Else the tests below would pass on pages that they cannot read."""
    readme = commands("README.md")
    assert ("jaxpose.prepare", " cmu_mocap --source=allasfamc.zip") in readme
    assert any(module == "jaxpose lift" for module, _ in readme)
    assert {"source", "data_dir", "check"} <= known_flags("jaxpose.prepare")
    assert {"config", "workdir", "mode"} <= known_flags("jaxpose.main")
    assert {"list", "smoke", "seeds"} <= known_flags("experiments.run")


@pytest.mark.parametrize("page", PAGES)
def test_programs_and_flags_exist(page):
    unknown = []
    for command, arguments in commands(page):
        name = command.partition(" ")[2]
        if name and name not in (*MODULES, *MODES):
            unknown.append(command)
            continue
        module = module_of(command)
        if source(module) is None:
            if importlib.util.find_spec(module) is None:
                unknown.append(module)
            continue
        flags = {flag for flag in FLAG.findall(arguments) if flag != "config"}
        known = known_flags(module) | OF_ABSL
        unknown += [f"{command} --{flag}" for flag in sorted(flags - known)]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES)
def test_tables_and_data_sets_exist(page):
    unknown = []
    for command, arguments in commands(page):
        known = {"experiments.run": TABLES, "jaxpose.prepare": BUILDERS}
        named = known.get(module_of(command))
        words = arguments.split("--")[0] if named else ""
        for word in words.split():
            name = word.partition("/")[0] if named is BUILDERS else word
            is_chosen = re.fullmatch(r"[a-z][\w.]*", name)
            if is_chosen and name not in named and "toy" not in name:
                unknown.append(f"{command} {word}")
    assert unknown == []


@pytest.mark.parametrize("page", PAGES)
def test_extras_exist(page):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(EXTRA.findall((ROOT / page).read_text()))
    assert extras <= set(project["optional-dependencies"])
