"""Builds the site from these pages: `sphinx-build -W docs build/site`.

Pages are written for GitHub. Their links to files outside this folder become links to
the page of the site that shows the file, or to the source on the web.
"""

import pathlib
import posixpath
import re
import sys
import tomllib
from typing import Any

from sphinx.application import Sphinx

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # API pages import `jaxpose`

import jaxpose  # noqa: E402

PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# A link to a file goes to its branch; a folder has the same address with `tree`.
SOURCE = PACKAGE["urls"]["Source"]
# Files outside this folder that a page of the site shows.
PAGES = {
    "README.md": "start.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "experiments/benchmarks.md": "results/benchmarks.md",
    "experiments/cmu.md": "results/cmu.md",
    "experiments/recordings.md": "results/recordings.md",
    "experiments/wild.md": "results/wild.md",
    "jaxpose/released/MODEL_CARD.md": "results/model_card.md",
}
# A heading of Google's style, which ends the free text of a docstring.
SECTION = re.compile(r"(Args|Attributes|Raises|Returns):$")
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)(?=[)#])")

project = "jaxpose"
author = copyright = PACKAGE["authors"][0]["name"]
release = jaxpose.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_static"]
highlight_language = "none"  # blocks without a language are commands and output

myst_heading_anchors = 3  # headings have the fragments that GitHub gives them

pygments_dark_style = "monokai"
html_theme = "furo"
html_title = f"jaxpose {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "source_repository": SOURCE,
    "source_branch": "main",
    "source_directory": "docs/",
}

# Docstrings are plain text with `code` in single quotes, and have Google's sections.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # shapes and units are in the text
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True


def point_links(text: str, folder: str, page: str) -> str:
    """Returns Markdown whose relative links lead to pages of the site or to sources.

    Args:
      text: Markdown of a file.
      folder: folder of the file, relative to the checkout.
      page: page that shows the text, relative to the checkout.
    """

    def replace(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, match[1]))
        if target in PAGES:
            target = f"docs/{PAGES[target]}"
        if target.startswith("docs/"):
            return posixpath.relpath(target, posixpath.dirname(page))
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"{SOURCE}/{kind}/main/{target}"

    return LINK.sub(replace, text)


def read_page(app: Sphinx, name: str, source: list[str]) -> None:
    """Changes the links of a page when Sphinx reads it."""
    del app
    page = f"docs/{name}.md"
    source[0] = point_links(source[0], posixpath.dirname(page), page)


def read_included(
    app: Sphinx, file: pathlib.Path, name: str, source: list[str]
) -> None:
    """Changes the links of a file that a page includes."""
    del name  # MyST gives the last part alone
    path = (pathlib.Path(app.srcdir) / file).resolve().relative_to(ROOT)
    page = f"docs/{app.env.docname}.md"
    source[0] = point_links(source[0], path.parent.as_posix(), page)


def mark_examples(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Marks indented paragraphs of a docstring, before its sections, as Python."""
    del app, what, name, thing, options
    marked: list[str] = []
    inside = False
    for number, line in enumerate(lines):
        if SECTION.match(line):
            marked += lines[number:]
            break
        is_indented = line.startswith("    ")
        follows_text = marked and not marked[-1]
        if is_indented and not inside and follows_text:
            marked += [".. code-block:: python", ""]
        inside = is_indented or (inside and not line)
        marked.append(line)
    lines[:] = marked


def setup(app: Sphinx) -> None:
    """Connects the functions above."""
    app.connect("source-read", read_page)
    app.connect("include-read", read_included)
    # Before napoleon, which reads the sections.
    app.connect("autodoc-process-docstring", mark_examples, priority=400)
