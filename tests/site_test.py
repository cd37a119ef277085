"""The site of the documentation: built without a warning, complete, and readable."""

import importlib.util
import inspect
import pathlib
import re
import subprocess
import sys

import pytest

import jaxpose
from experiments.browser import Page, find_chromium

ROOT = pathlib.Path(__file__).resolve().parents[1]
NEEDED = ("sphinx", "furo", "myst_parser")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("site"),
    pytest.mark.skipif(
        bool(MISSING), reason=f"not installed: {MISSING} (pip install -e '.[docs]')"
    ),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    finished = subprocess.run(
        [*command, "-d", folder / "doctrees", "docs", folder / "html"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    return folder / "html"


def read(page: pathlib.Path) -> str:
    return page.read_text(encoding="utf-8")


def test_every_page_is_built_and_reached_from_the_index(site):
    pages = {path.relative_to(site) for path in site.rglob("*.html")}
    written = (path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/**/*.md"))
    expected = {path.with_suffix(".html") for path in written}
    assert len(expected) > 20
    assert expected <= pages
    linked = set(re.findall(r'href="([\w/]+\.html)"', read(site / "index.html")))
    assert {path.as_posix() for path in expected} <= linked | {"index.html"}


def test_the_reference_has_every_public_function(site):
    reference = read(site / "reference.html")
    documented = set(re.findall(r'<dt [^>]*\bid="([\w.]+)"', reference))
    expected = {f"jaxpose.{name}" for name in jaxpose.__all__ if name != "__version__"}
    for name in ("Lifter", "LiftingModel", "Pose", "Run"):
        members = vars(getattr(jaxpose, name))
        for member, value in members.items():
            # Flax wraps the methods of a model, and writes some of a module's own.
            is_own = getattr(value, "__module__", "jaxpose").startswith("jaxpose")
            if inspect.isroutine(value) and is_own and not member.startswith("_"):
                expected.add(f"jaxpose.{name}.{member}")
    for name, value in vars(jaxpose.metrics).items():
        if inspect.isfunction(value) and not name.startswith("_"):
            expected.add(f"jaxpose.metrics.{name}")
    expected.remove("jaxpose.metrics")  # a module, whose page this is
    assert len(expected) > 50
    assert expected - documented == set()


def test_links_to_sources_lead_to_files(site):
    address = r"https://github.com/jaxpose/jaxpose/(blob|tree)/main/([^\"#?]+)"
    found = set()
    for page in site.rglob("*.html"):
        if page.name not in ("genindex.html", "search.html", "py-modindex.html"):
            found |= set(re.findall(address, read(page)))
    assert len([path for _, path in found if not path.startswith("docs/")]) > 5
    for kind, path in found:
        assert (ROOT / path).is_dir() if kind == "tree" else (ROOT / path).is_file()


@pytest.mark.skipif(find_chromium() is None, reason="there is no chromium")
@pytest.mark.parametrize("name", ["index", "reference", "recordings", "protocol"])
def test_pages_fit_a_phone_and_report_nothing(site, name):
    file = site / f"{name}.html"
    with Page(file, width=390, height=844, density=2, touch=True) as page:
        page.settle()
        width = page.evaluate("document.documentElement.scrollWidth")
        outside = [url for url in page.requests if url.startswith("http")]
        assert (width, page.problems, outside) == (390, [], [])
