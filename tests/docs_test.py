"""The documentation is true of the code: citations, links, commands and tables."""

import ast
import importlib
import importlib.util
import inspect
import pathlib
import re

import ml_collections
import pytest

import jaxpose
from jaxpose.body.skeletons import SKELETONS
from jaxpose.datasets.human36m import facts
from jaxpose.datasets.humaneva import facts as humaneva
from jaxpose.datasets.mpi_inf_3dhp import facts as mpi_inf_3dhp
from jaxpose.errors import JaxposeError

ROOT = pathlib.Path(__file__).parents[1]
PROTOCOL = ROOT / "docs" / "protocol.md"
FOLDERS = ("jaxpose", "configs", "experiments", "tests", "docs", ".ci")
CONFIGS = [
    f"configs.{path.stem}"
    for path in (ROOT / "configs").glob("*.py")
    if path.stem != "__init__"
]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "experiments/*.md")
    for path in ROOT.glob(pattern)
)
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]

CITATION = re.compile(r"\bP\.\d+\b")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(rf"(?<![\w/.])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./]*\w")
MODULE = re.compile(r"python3? -m ([\w.]*\w)")
# Words in capitals stand for a choice of the reader.
CONFIG = re.compile(r"configs/([a-z]\w*)\.py:([a-z]\w*)")
# The model and the data set that CONTRIBUTING adds; contributing_test.py follows it.
EXAMPLE = re.compile(r"(?<![a-z])(linear|toy)(?![a-z])")
PYTHON = re.compile(r"```python\n.*?```", re.DOTALL)
FIELD = re.compile(r"(?<![\w/.])config\.((?!py\b|json\b)[a-z][\w.]*\w)")


def headings(path: pathlib.Path) -> list[str]:
    return HEADING.findall(path.read_text())


def anchor(heading: str) -> str:
    """The fragment that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def rows_under(heading: str, first_column: str) -> list[list[str]]:
    """Returns the rows of a protocol section's tables with this first column."""
    section = PROTOCOL.read_text().partition(f"## {heading}")[2].partition("\n## ")[0]
    rows, inside = [], False
    for line in section.splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == first_column:
            inside = True
            rows.append(cells)
        elif inside and not set(cells[0]) <= {"-"}:
            rows.append(cells)
    return rows


def has_field(config: ml_collections.ConfigDict, names: list[str]) -> bool:
    for name in names:
        if name not in config:
            return False
        config = config[name]
    return True


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


def test_every_citation_of_the_protocol_has_a_heading():
    sections = {heading.split()[0] for heading in headings(PROTOCOL)}
    files = [*PAGES, *(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))]
    cited = {number for path in files for number in CITATION.findall(path.read_text())}
    assert len(cited) >= 8
    assert cited <= sections


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page):
    path = ROOT / page
    missing = []
    for link in LINK.findall(path.read_text()):
        if link.startswith(("http:", "https:")):
            continue
        name, _, fragment = link.partition("#")
        target = path.parent / name if name else path
        anchors = (
            [anchor(heading) for heading in headings(target)]
            if target.suffix == ".md" and target.is_file()
            else []
        )
        if not target.exists() or (fragment and fragment not in anchors):
            missing.append(link)
    assert not missing


def test_the_patterns_find_what_the_pages_name():
    """Else the tests below would pass on pages that they cannot read."""
    readme = (ROOT / "README.md").read_text()
    assert {"docs/api.md", "CONTRIBUTING.md"} <= set(LINK.findall(readme))
    assert {"configs/ampose.py", "docs/prediction.gif"} <= set(PATH.findall(readme))
    assert {"jaxpose.main", "jaxpose.prepare"} <= set(MODULE.findall(readme))
    assert {("ampose", "quickstart"), ("ampose", "cmu")} <= set(CONFIG.findall(readme))
    machines = (ROOT / "docs" / "machines.md").read_text()
    assert {"precision", "accumulation_steps"} <= set(FIELD.findall(machines))


@pytest.mark.parametrize("page", NAMES)
def test_files_of_the_checkout_that_are_named_exist(page):
    named = PATH.findall((ROOT / page).read_text())
    named = [name for name in named if not pathlib.Path(name).stem.isupper()]
    named = [name for name in named if not EXAMPLE.search(name)]
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", NAMES)
def test_modules_of_commands_exist(page):
    modules = set(MODULE.findall((ROOT / page).read_text()))
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("page", NAMES)
def test_variants_of_configs_exist(page):
    missing = []
    for file, variant in set(CONFIG.findall((ROOT / page).read_text())):
        if EXAMPLE.search(file) or EXAMPLE.search(variant):
            continue
        try:
            importlib.import_module(f"configs.{file}").get_config(variant)
        except (ImportError, JaxposeError) as error:
            missing.append(str(error))
    assert not missing


@pytest.mark.parametrize("page", NAMES)
def test_config_fields_exist(page):
    """Each field is one of some paper's config: models differ in theirs."""
    configs = [importlib.import_module(name).get_config() for name in CONFIGS]
    prose = PYTHON.sub("", (ROOT / page).read_text())
    fields = set(FIELD.findall(prose))
    known = {
        field
        for field in fields
        if any(has_field(config, field.split(".")) for config in configs)
    }
    assert fields == known


CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


# The example of CONTRIBUTING has a test of its own.
@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/api.md",
        "docs/lift.md",
        "docs/pose.md",
        "docs/recordings.md",
    ],
)
def test_python_on_the_pages_fits_the_interface(page):
    """Imports, and names and arguments of the objects below, are those of the code."""
    classes = {"run": jaxpose.Run, "lifter": jaxpose.Lifter, "pose": jaxpose.Pose}
    owners = {"jaxpose": jaxpose, "jaxpose.metrics": jaxpose.metrics}
    owners |= {"jaxpose.Run": jaxpose.Run, **classes}
    for block in CODE.findall((ROOT / page).read_text()):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                exec(ast.unparse(node), {})
            elif isinstance(node, ast.Attribute):
                owner, _, name = ast.unparse(node).rpartition(".")
                if owner in owners:
                    # Objects also have what their class lists under "Attributes:".
                    listed = f"  {name}: " in inspect.getdoc(owners[owner])
                    assert listed or hasattr(owners[owner], name)
            elif isinstance(node, ast.Call):
                owner, _, name = ast.unparse(node.func).rpartition(".")
                if owner in classes:
                    method = getattr(classes[owner], name)
                    keywords = {keyword.arg: None for keyword in node.keywords}
                    inspect.signature(method).bind(None, *node.args, **keywords)


def test_the_api_page_lists_every_public_name():
    lines = (ROOT / "docs" / "api.md").read_text().splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| `")]
    named = set(re.findall(r"`(\w+)", " ".join(cells)))
    assert set(jaxpose.__all__) - {"__version__"} <= named


def test_skeletons_of_the_protocol_are_those_of_the_code():
    documented = {}
    names = []
    for row in rows_under("P.1", "index"):
        if row[0] == "index":
            names = row[1::2]
            documented |= {name: ([], []) for name in names}
            continue
        for name, joint, parent in zip(names, row[1::2], row[2::2], strict=True):
            joints, parents = documented[name]
            if joint:
                assert len(joints) == int(row[0])
                joints.append(joint)
                parents.append(int(parent))
    assert len(documented) == 5
    for name, (joints, parents) in documented.items():
        assert tuple(joints) == SKELETONS[name].joints
        assert tuple(parents) == SKELETONS[name].parents


def test_mirror_lists_of_the_protocol_are_those_of_the_code():
    rows = rows_under("P.1", "skeleton")[1:]
    assert len(rows) == 6
    for name, left, right in rows:
        skeleton = SKELETONS[name.partition("`")[0]]
        assert (numbers(left), numbers(right)) == (skeleton.left, skeleton.right)


def test_frames_of_humaneva_are_those_of_the_code():
    (_, *actions), *rows = rows_under("P.4", "subject")
    assert tuple(actions) == humaneva.SCORED_ACTIONS
    assert [subject for subject, *_ in rows] == list(humaneva.FRAMES)
    for subject, *ranges in rows:
        for action, text in zip(actions, ranges, strict=True):
            frames = humaneva.FRAMES[subject][humaneva.ACTIONS.index(action)]
            assert numbers(text) == frames


def test_frames_of_mpi_inf_3dhp_are_those_of_the_code():
    rows = rows_under("P.5", "sequence")[1:]
    documented = {name: (int(total), int(valid)) for name, _, total, valid in rows}
    scenes = {name: scene.split()[0] for name, scene, *_ in rows}
    assert documented == mpi_inf_3dhp.TEST
    assert scenes == mpi_inf_3dhp.SCENES


def test_frames_of_human36m_are_those_of_the_code():
    text = PROTOCOL.read_text()
    for frames in (facts.TRAIN_FRAMES, facts.TEST_FRAMES):
        assert f"{frames:,}" in text
