"""Prints the shape of the code: sizes, density, comments, and imports between folders.

    python .ci/shape.py [FOLDER ...]

Without arguments it reads jaxpose, configs and experiments. Docstrings count neither as
code nor as comments. Exit status 1 when a limit of `LIMITS` is broken.
"""

import ast
import io
import pathlib
import statistics
import sys
import tokenize

FOLDERS = ("jaxpose", "configs", "experiments")
LIMITS = {"tokens per code line": 8.5, "longest line": 88, "longest function": 90}
LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class FileShape:
    """Counts of one file.

    Attributes:
      code_lines: numbers of the lines that hold code.
      tokens: number of tokens of code.
      comments: number of comments, without those for tools (`noqa`, `fmt`, `type`).
      functions: (lines, name) of each function, its docstring left out.
      comprehensions: number of comprehensions and generator expressions.
      imports: modules of the project that the file imports.
    """

    def __init__(self, path: pathlib.Path):
        """Reads `path`."""
        text = path.read_text()
        tree = ast.parse(text)
        docstring_lines = _docstring_lines(tree)
        self.code_lines: set[int] = set()
        self.tokens = 0
        self.comments = 0
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            line = token.start[0]
            if token.type == tokenize.COMMENT:
                is_for_tools = any(w in token.string for w in ("noqa", "fmt:", "type:"))
                self.comments += not is_for_tools
            elif token.type not in LAYOUT and line not in docstring_lines:
                self.tokens += 1
                self.code_lines.update(range(line, token.end[0] + 1))
        nodes = list(ast.walk(tree))
        self.comprehensions = sum(isinstance(node, COMPREHENSIONS) for node in nodes)
        self.functions = [
            (_function_length(node), f"{path}:{node.name}")
            for node in nodes
            if isinstance(node, FUNCTIONS)
        ]
        self.line_lengths = [len(line) for line in text.splitlines()]
        self.imports = _imports(nodes)


def _docstring_lines(tree: ast.Module) -> set[int]:
    """Returns the numbers of the lines that docstrings occupy."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            lines.update(range(first.lineno, first.end_lineno + 1))
    return lines


def _function_length(node: ast.FunctionDef) -> int:
    """Returns the number of lines of a function without its docstring."""
    length = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node, clean=False) is not None:
        length -= node.body[0].end_lineno - node.body[0].lineno + 1
    return length


def _imports(nodes: list[ast.AST]) -> set[str]:
    """Returns the project's modules that `nodes` import."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return {name for name in found if name.split(".")[0] in FOLDERS}


def _folder(name: str, root: pathlib.Path) -> str:
    """Returns the folder that module `name` lies in, as `jaxpose.data`."""
    parts = name.split(".")
    while parts and not root.joinpath(*parts).is_dir():
        parts.pop()
    return ".".join(parts[:2])


def measure(root: pathlib.Path, folders: tuple[str, ...]) -> dict[str, float]:
    """Returns the measures of all Python files in `folders` of the checkout `root`."""
    shapes = {}
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            shapes[path] = FileShape(path)
    edges = set()
    for path, shape in shapes.items():
        own = _folder(".".join(path.relative_to(root).with_suffix("").parts), root)
        for name in shape.imports:
            edges.add((own, _folder(name, root)))
    edges = {(start, end) for start, end in edges if start != end}
    functions = [function for shape in shapes.values() for function in shape.functions]
    lengths = sorted(n for shape in shapes.values() for n in shape.line_lengths if n)
    code_lines = sum(len(shape.code_lines) for shape in shapes.values())
    total = {
        name: sum(getattr(shape, name) for shape in shapes.values())
        for name in ("tokens", "comments", "comprehensions")
    }
    longest = max(functions)
    print(f"longest function: {longest[1]}")
    return {
        "files": len(shapes),
        "code lines": code_lines,
        "median lines per file": statistics.median(
            len(shape.line_lengths) for shape in shapes.values()
        ),
        "tokens per code line": round(total["tokens"] / code_lines, 2),
        "comments per 100 code lines": round(100 * total["comments"] / code_lines, 1),
        "comprehensions per 1000 code lines": round(
            1000 * total["comprehensions"] / code_lines, 1
        ),
        "95th percentile of line length": lengths[int(0.95 * len(lengths))],
        "longest line": lengths[-1],
        "median function": statistics.median(n for n, _ in functions),
        "longest function": longest[0],
        "import edges between folders": len(edges),
    }


def main() -> None:
    """Prints the measures and compares them with the limits."""
    root = pathlib.Path.cwd()
    measures = measure(root, tuple(sys.argv[1:]) or FOLDERS)
    for name, value in measures.items():
        print(f"{name:36} {value:g}")
    broken = [name for name, limit in LIMITS.items() if measures[name] > limit]
    if broken:
        sys.exit(f"error: above the limit: {', '.join(broken)}")


if __name__ == "__main__":
    main()
