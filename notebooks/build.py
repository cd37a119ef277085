"""Writes the notebooks as .ipynb, which Colab and GitHub show, from their text.

    python -m notebooks.build

The text is the source: edit `notebooks/NAME.py`, a program in the percent format, and
run this.
"""

import json
import pathlib

import jupytext

FOLDER = pathlib.Path(__file__).parent
NAMES = ("lift_and_look", "train_and_compare", "converted_checkpoint")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def to_ipynb(text: str) -> str:
    """Returns the .ipynb file of a notebook's text; the same for the same text."""
    cells = []
    for number, cell in enumerate(jupytext.reads(text, "py:percent").cells):
        written = {
            "cell_type": cell.cell_type,
            "id": f"cell-{number}",
            "metadata": {},
            "source": cell.source.splitlines(keepends=True),
        }
        if cell.cell_type == "code":
            written |= {"execution_count": None, "outputs": []}
        cells.append(written)
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes all notebooks beside their texts."""
    for name in NAMES:
        text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        path = FOLDER / f"{name}.ipynb"
        path.write_text(to_ipynb(text), encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
