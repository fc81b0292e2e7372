"""The data of botocore that is deployed is enough for all that we call."""

import shutil
import subprocess
import sys
from pathlib import Path

import botocore

from local import ROOT
from local.offline import variables

_CALLS = """
import sys
from pathlib import Path
import botocore
from conversations.deadlines import Deadline
from conversations.actions import Change, Check, ConditionFailed, Insert
from conversations.table import TABLE, Table

assert Path(botocore.__file__).is_relative_to(sys.argv[2]), botocore.__file__
table, deadline = Table(sys.argv[1], timeout_seconds=60), Deadline.after(60)
table.transact([Insert({"PK": "p", "SK": "s", "version": 1})], deadline)
try:
    table.transact([Check(("p", "s"), {"version": 7})], deadline)
except ConditionFailed as failure:
    assert failure.found[0]["version"] == 1
table.transact([Change(("p", "s"), {"name": "n", "version": 2}, expected={"version": 1})], deadline)
assert table.get(("p", "s"), deadline)["version"] == 2
assert len(table.get_many([("p", "s"), ("p", "t")], deadline)) == 1
assert len(table.query(TABLE, "p", "s", deadline)) == 1
assert table.increment(("p", "counter"), 1) == 1
"""


def test_every_operation_works_with_the_trimmed_data(dynamodb: str, empty_table: str, tmp_path: Path) -> None:
    shutil.copytree(Path(botocore.__file__).parent, tmp_path / "botocore")
    script = ROOT / "layers" / "dependencies" / "trim_botocore.py"
    subprocess.run([sys.executable, script, tmp_path], check=True)

    result = subprocess.run(
        [sys.executable, "-c", _CALLS, empty_table, str(tmp_path)],
        env={**variables(dynamodb), "PYTHONPATH": f"{tmp_path}:{ROOT / 'layers' / 'shared'}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
