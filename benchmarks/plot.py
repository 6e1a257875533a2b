"""The chart of the comparison."""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.apps import APPS
from benchmarks.workloads import WORKLOADS


def draw(costs: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Draw bars of CPU time, one panel per workload, with Pressroom in another colour."""
    # Imported here because only a full run needs it.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    workloads = list(next(iter(costs.values())))
    size = (3.2 * len(workloads) + 2, 3.2)
    figure, panels = plt.subplots(1, len(workloads), figsize=size, sharey=True, squeeze=False)
    keys = list(costs)[::-1]
    titles = [APPS[key].title.partition(",")[0] if len(key) > 2 else f"{key}  {APPS[key].title}" for key in keys]
    for panel, name in zip(panels[0], workloads, strict=True):
        values = [costs[key][name] for key in keys]
        colours = ["#b3261e" if key == "pressroom" else "#9aa7b4" for key in keys]
        bars = panel.barh(titles, values, color=colours)
        panel.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
        panel.set_title(f"{name}  {WORKLOADS[name].title}", fontsize=9)
        panel.set_xlabel("CPU ms per request", fontsize=8)
        panel.margins(x=0.2)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
