"""The tables by name: `ampose.table4.1`, `gla_gcn.table5`, `quick.humaneva`, ..."""

import importlib.util
import pathlib

from experiments.table import Table
from experiments.tables import ampose, cmu, crossformer, gast_net, gla_gcn, quick
from jaxpose.errors import JaxposeError

_PAPERS = {
    "ampose": ampose.TABLES,
    "gla_gcn": gla_gcn.TABLES,
    "crossformer": crossformer.TABLES,
    "gast_net": gast_net.TABLES,
    "cmu": cmu.TABLES,
    "cmu_more": cmu.MORE_TABLES,
    "quick": quick.TABLES,
}
TABLES: dict[str, Table] = {}
for _paper, _tables in _PAPERS.items():
    for _name, _table in _tables.items():
        TABLES[f"{_paper}.{_name}"] = _table


def add_tables(path: pathlib.Path) -> list[str]:
    """Adds the tables of a file of one's own: `my.NAME` for `TABLES["NAME"]` of my.py.

    Returns:
      The names of the tables.

    Raises:
      JaxposeError: no such file, a mistake in it, or it has no `TABLES`.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise JaxposeError(f"--table={path}: there is no Python file of this name")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        kind = type(error).__name__
        raise JaxposeError(f"--table={path} fails: {kind}: {error}") from error
    tables = getattr(module, "TABLES", None)
    if not tables:
        raise JaxposeError(
            f"--table={path} has no TABLES, a dict of experiments.table.Table by name"
        )
    named = {f"{path.stem}.{name}": table for name, table in tables.items()}
    TABLES.update(named)
    return list(named)
