"""Writes what `make bench` measured into README.md and docs/performance.md: `make bench PART=report`.

Each table stands between two comments that name it, and is taken from build/bench.json or build/instructions.json.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from local import ROOT

RESULT, INSTRUCTIONS = ROOT / "build" / "bench.json", ROOT / "build" / "instructions.json"
_DOCS, _README = ROOT / "docs" / "performance.md", ROOT / "README.md"

#: Ours first; ratios are to the others.
NAMES = ("ours", "fastapi", "powertools", "floor")

#: The most that ours may take of what the others do.
TARGETS = {
    "warm 1": {"fastapi": 0.45, "powertools": 0.55, "floor": 2.0},
    "warm 10": {"fastapi": 0.36, "powertools": 0.40, "floor": 1.9},
    "warm 99": {"fastapi": 0.20, "powertools": 0.20, "floor": 1.3},
    "cold": {"fastapi": 0.42, "powertools": 0.50, "floor": 3.3},
    "peak": {"fastapi": 0.65, "powertools": 0.70},
    "page 50": {"fastapi": 0.30, "powertools": 0.32, "floor": 1.6},
    "message": {"fastapi": 0.40, "powertools": 0.48, "floor": 2.2},
    **{what: {"fastapi": 0.42, "powertools": 0.50} for what in ("list 6", "get", "inbox 50")},
}

#: How the tables name what is measured.
_LABELS = {
    "warm 1": "opening with 1 item",
    "warm 10": "10 items",
    "warm 50": "50 items",
    "warm 99": "99 items",
    "message": "a message",
    "page 50": "a page of 50",
    "list 6": "a list of 6",
    "get": "a conversation",
    "inbox 50": "an inbox of 50",
    "cold": "cold start to the first response",
    "restored": "the first request after a restore",
    "peak": "peak memory, MB",
    "package": "package with bytecode, MB",
}
_IN_README = {"warm 10": "opens a conversation with 10 items", "message": "sends a message", "cold": "starts cold"}


#: On paper: how much longer than on a whole core at 1,024 MB, and what DynamoDB takes for a read and a transaction.
_LAMBDA, _DATABASE_MS = 1_769 / 1_024, 15
_WAITS = {"warm": "warm, a message", "cold": "cold, an opening", "restored": "restored (`SnapStart=on`), an opening"}


class Row(NamedTuple):
    """What each implementation takes of something, by their names."""

    what: str
    figures: Mapping[str, float]

    def ratio(self, name: str) -> float | None:
        """Return what ours takes by what another one does, as it is shown; None where that takes nothing."""
        return round(self.figures["ours"] / self.figures[name], 2) if self.figures.get(name) else None

    def is_missed(self, name: str) -> bool:
        """Tell whether ours takes more than it may."""
        ratio, target = self.ratio(name), TARGETS.get(self.what, {}).get(name)
        return ratio is not None and target is not None and ratio > target


def rows_of_stacks(result: Mapping[str, Any]) -> list[Row]:
    """Return the rows of build/bench.json that the page shows."""
    measured = result["warm_cpu_ms"]
    rows = [Row(what, {name: measured[name][what] for name in NAMES}) for what in _LABELS if what in measured["ours"]]
    rows += [Row("cold", result["cold_cpu_ms"]), Row("peak", result["peak_mb"])]
    # The floor has no package: it is one file.
    package = {name: size for name, size in result["package_mb"].items() if name != "floor"}
    return [*rows, Row("package", package)]


def rows_of_instructions(counts: Mapping[str, Mapping[str, float]]) -> list[Row]:
    """Return the rows of build/instructions.json."""
    return [
        Row(what, {name: counts[name][what] for name in NAMES if what in counts[name]})
        for what in _LABELS
        if what in counts["ours"]
    ]


def table(title: str, rows: Sequence[Row], *, has_targets: bool = True) -> str:
    """Return a table in Markdown. A ratio that misses its target is bold, with the target behind it."""
    others = NAMES[1:]
    lines = [
        f"| {title} | ours | " + " | ".join(others) + " | ours / " + " | / ".join(others) + " |",
        "|---" + "|---:" * (len(NAMES) + len(others)) + "|",
    ]
    for row in rows:
        figures = [_figure(row.figures[name]) if name in row.figures else "" for name in NAMES]
        lines.append(
            f"| {_LABELS[row.what]} | "
            + " | ".join([*figures, *(_ratio(row, name, has_targets) for name in others)])
            + " |"
        )
    return "\n".join(lines)


def table_of_readme(rows: Sequence[Row]) -> str:
    """Return the three rows that README quotes, of processor time."""
    shown = [row for row in rows if row.what in _IN_README]
    lines = ["| processor time | ours, ms | of FastAPI's | of Powertools' |", "|---|---:|---:|---:|"]
    for row in shown:
        ratios = (f"{row.ratio(name):.2f}" for name in ("fastapi", "powertools"))
        lines.append(f"| {_IN_README[row.what]} | {_figure(row.figures['ours'])} | " + " | ".join(ratios) + " |")
    return "\n".join(lines)


def table_of_waits(result: Mapping[str, Any]) -> str:
    """Return what somebody waits for, in milliseconds, on paper."""
    names = NAMES[:3]
    spent = {
        "warm": {name: result["warm_cpu_ms"][name]["message"] for name in names},
        "cold": result["cold_cpu_ms"],
        "restored": {name: result["restored_cpu_ms"][name]["primed, warm 1"] for name in names},
    }
    lines = ["| milliseconds | " + " | ".join(names) + " |", "|---|---:|---:|---:|"]
    for what, cpu in spent.items():
        waits = (f"{cpu[name] * _LAMBDA + _DATABASE_MS:,.0f}" for name in names)
        lines.append(f"| {_WAITS[what]} | " + " | ".join(waits) + " |")
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _ratio(row: Row, name: str, has_targets: bool) -> str:
    ratio = row.ratio(name)
    if ratio is None:
        return ""
    is_missed = has_targets and row.is_missed(name)
    return f"**{ratio:.2f}** (> {TARGETS[row.what][name]:.2f})" if is_missed else f"{ratio:.2f}"


def replaced(page: str, name: str, text: str) -> str:
    """Return a page with a text between the comments of a name. Raises ValueError unless there is one place."""
    place = re.compile(rf"(<!-- {name}: .*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    found, times = place.subn(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", page)
    if times != 1:
        raise ValueError(f"{times} places for {name}")
    return found


def _write(path: Path, name: str, text: str) -> None:
    path.write_text(replaced(path.read_text(), name, text))
    print(f"Wrote the table '{name}' into {path.relative_to(ROOT)}.")


def main() -> None:
    """Write the tables of what has been measured."""
    if RESULT.exists():
        result = json.loads(RESULT.read_text())
        rows = rows_of_stacks(result)
        _write(_DOCS, "stacks", table("processor time, ms", rows))
        _write(_DOCS, "waits", table_of_waits(result))
        _write(_README, "stacks", table_of_readme(rows))
    if INSTRUCTIONS.exists():
        rows = rows_of_instructions(json.loads(INSTRUCTIONS.read_text()))
        # The targets are of the whole process's time.
        _write(_DOCS, "instructions", table("millions of instructions", rows, has_targets=False))


if __name__ == "__main__":
    main()
