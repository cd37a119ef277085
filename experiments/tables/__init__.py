"""The tables by name: `ampose.table4.1`, `gla_gcn.table5`, `quick.humaneva`, ..."""

from experiments.table import Table
from experiments.tables import ampose, cmu, crossformer, gast_net, gla_gcn, quick

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
