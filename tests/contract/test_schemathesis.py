"""Schemathesis: requests made from the document, valid and invalid, and replays through what the API answered."""

import json
import os
import subprocess
import sys
from pathlib import Path

from api.routes.contacts import IDENTIFY

from local import ROOT
from local.openapi import COMMITTED
from tests.builders import PRIVATE_KEY, VISITOR, private
from tests.contract.conftest import Server
from tests.samples import SOAK

CONFIG = COMMITTED.with_name("schemathesis.toml")

#: A soak multiplies what is tried.
EXAMPLES = 3 * SOAK


def test_schemathesis_finds_nothing(server: Server, tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"),
        *(str(COMMITTED), "--url", server.url),
        *("--mode", "all", "--max-examples", str(EXAMPLES), "--seed", "1"),
        *("--generation-database", "none", "--no-color"),
        *("--header", f"Authorization: Bearer {PRIVATE_KEY}"),
        # That one of visitorId and this header is needed is nothing that a document can say.
        *("--header", f"X-Visitor-Id: {VISITOR}"),
        # Nor that a private key names who of the team has seen a conversation.
        *("--header", "X-Actor-User-Id: user-1"),
    ]
    known = json.dumps({"visitorId": VISITOR, "externalId": "user-1"}).encode()
    assert server.send("POST", IDENTIFY.path, known, private())[0] == 200
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # it keeps what it found in the working directory
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)

    assert result.returncode == 0, result.stdout
