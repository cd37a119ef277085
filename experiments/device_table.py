"""Writes the figures of `experiments.on_device` as a table."""

from typing import Any

Figure = dict[str, Any]

# What stands in the last column.
OTHERS = ("loss", "gigabytes_per_second", "hours_of_epoch", "skipped", "failed")


def to_markdown(figures: list[Figure]) -> str:
    """Returns the figures as a table, beside the bounds at the measured rates."""
    rates, bandwidth = {}, None
    for figure in figures:
        if figure["figure"].startswith("products, "):
            rates[figure["figure"].removeprefix("products, ")] = figure["tflops"]
        bandwidth = figure.get("gigabytes_per_second", bandwidth)
    lines = [
        f"{figures[0]['device']}, jax {figures[0]['jax']}",
        "",
        "| figure | batch | ms | of it products | bytes | kernels | poses/s | TFLOP/s "
        "| GB | GiB | other |",
        "|---|" + "---:|" * 9 + "---|",
    ]
    for figure in figures:
        rate = rates.get(figure["figure"].rpartition(", ")[2])
        products = moving = None
        if rate and "ms" in figure:
            products = figure["ms"] * figure["tflops"] / rate
        if bandwidth and "gigabytes" in figure:
            moving = 1e3 * figure["gigabytes"] / bandwidth
        cells = [figure["figure"], _shown(figure.get("batch_size"))]
        cells += [_shown(figure.get("ms")), _shown(products), _shown(moving)]
        for name in ("kernels", "poses_per_second", "tflops", "gigabytes", "gib"):
            cells.append(_shown(figure.get(name)))
        others = []
        for name in OTHERS:
            if name in figure:
                others.append(f"{name}: {_shown(figure[name])}")
        lines.append("| " + " | ".join([*cells, "; ".join(others)]) + " |")
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    """Returns a cell of the table."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
