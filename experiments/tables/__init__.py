"""The tables by name: `ampose.table4.1`, `gla_gcn.table5`, ... One module a paper."""

from experiments.table import Table
from experiments.tables import ampose, cmu, crossformer, gast_net, gla_gcn

TABLES: dict[str, Table] = {
    f"{paper}.{name}": table
    for paper, module in (
        ("ampose", ampose),
        ("gla_gcn", gla_gcn),
        ("crossformer", crossformer),
        ("gast_net", gast_net),
        ("cmu", cmu),
    )
    for name, table in module.TABLES.items()
}
