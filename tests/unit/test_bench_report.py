"""The tables that `make bench` writes into the pages."""

import pytest

from local import ROOT
from tests.performance.report import Row, replaced, rows_of_stacks, table, table_of_readme, table_of_waits

RESULT = {
    "warm_cpu_ms": {
        "ours": {"warm 10": 2.0, "message": 3.0},
        "fastapi": {"warm 10": 10.0, "message": 5.0},
        "powertools": {"warm 10": 4.0, "message": 10.0},
        "floor": {"warm 10": 1.0, "message": 2.0},
    },
    "cold_cpu_ms": {"ours": 200.0, "fastapi": 500.0, "powertools": 400.0, "floor": 50.0},
    "restored_cpu_ms": {name: {"primed, warm 1": 10.0} for name in ("ours", "fastapi", "powertools")},
    "peak_mb": {"ours": 50.0, "fastapi": 100.0, "powertools": 100.0, "floor": 25.0},
    "package_mb": {"ours": 15.0, "fastapi": 45.0, "powertools": 45.0, "floor": 0.1},
}


def test_a_ratio_that_misses_its_target_is_bold_with_the_target_and_one_that_meets_it_is_not() -> None:
    row = Row("message", {"ours": 4.8, "fastapi": 10.0, "powertools": 10.0})

    assert "| **0.48** (> 0.40) | 0.48 |" in table("ms", [row])


def test_the_page_shows_all_rows_and_readme_three_of_them() -> None:
    rows = rows_of_stacks(RESULT)

    assert table("ms", rows).count("\n") == 1 + 5
    assert table_of_readme(rows).splitlines()[2:] == [
        "| opens a conversation with 10 items | 2.0 | 0.20 | 0.50 |",
        "| sends a message | 3.0 | 0.60 | 0.30 |",
        "| starts cold | 200 | 0.40 | 0.50 |",
    ]


def test_who_waits_waits_for_less_than_a_core_and_for_the_database() -> None:
    assert "| warm, a message | 20 | 24 | 32 |" in table_of_waits(RESULT)


@pytest.mark.parametrize(
    ("page", "name"),
    [("README.md", "stacks"), *(("docs/performance.md", name) for name in ("stacks", "instructions", "waits"))],
)
def test_each_page_has_one_place_for_its_table(page: str, name: str) -> None:
    text = (ROOT / page).read_text()

    assert "-->\n\nA table.\n\n<!-- end" in replaced(text, name, "A table.")


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="0 places"):
        replaced("A page.", "stacks", "A table.")
