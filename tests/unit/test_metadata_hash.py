"""values/metadata_hash.py: the hash of metadata is the one that JavaScript computes."""

import hashlib
import json
import random
import struct
import subprocess
from typing import Any

import pytest
from support.values.metadata_hash import metadata_hash

#: Computes the hash as a widget does, of each line.
WIDGET = """
const { createHash } = require("node:crypto");
const lines = require("node:fs").readFileSync(0, "utf8").split("\\n").filter(Boolean);
for (const line of lines) {
  const sent = JSON.parse(line);
  const sorted = Object.keys(sent).sort().reduce((made, name) => ({ ...made, [name]: sent[name] }), {});
  console.log(createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 8));
}
"""

NUMBERS = [
    *(0, -0.0, 1, 1.0, -1, 1.5, 0.1, 100, 1e20, 1e21, 123456789012345680000, 12345678901234567890, 2**53 + 1),
    *(1e-6, 1e-7, 1.5e-7, 0.000001234, 5e-324, 1.7976931348623157e308, 1e300, 10**300, -1.25e-9, 123.456),
]
NAMES = ["b", "a", "Z", "", "é", "ﬀ", "😀", "10", "9", "01", "-1", "1.5", "4294967294", "4294967295", "99999999999"]
TEXTS = ["", "é😀", 'a"b\\c/', "\u0000\u001f\u007f\b\f\n\r\t", "\u2028\u2029", "<script>", "ÿ"]


def doubles() -> list[float]:
    """Return numbers of every size, the same ones in each run."""
    chosen = random.Random(1)
    found = [struct.unpack("<d", chosen.randbytes(8))[0] for _ in range(500)]
    found += [chosen.uniform(-1, 1) * 10.0 ** chosen.randint(-10, 25) for _ in range(500)]
    return [number for number in found if abs(number) < float("inf")]


def test_it_is_the_one_that_javascript_computes() -> None:
    values: list[Any] = [*NUMBERS, *doubles(), *TEXTS, True, False, None]
    sent = [*({"value": value} for value in values), {name: number for number, name in enumerate(NAMES)}]
    lines = "\n".join(map(json.dumps, sent))

    computed = subprocess.run(["node", "-e", WIDGET], input=lines, capture_output=True, text=True, check=True)

    assert [metadata_hash(metadata) for metadata in sent] == computed.stdout.split()


def test_it_is_that_of_the_text() -> None:
    text = '{"9":1,"plan":"pro","seats":3}'

    assert metadata_hash({"seats": 3.0, "plan": "pro", "9": 1}) == hashlib.sha256(text.encode()).hexdigest()[:8]


@pytest.mark.parametrize(("one", "other"), [({"a": 1}, {"a": True}), ({"a": None}, {"a": "null"}), ({}, {"a": ""})])
def test_other_metadata_have_another_one(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert metadata_hash(one) != metadata_hash(other)


def test_no_metadata_have_none() -> None:
    assert metadata_hash({}) == ""
