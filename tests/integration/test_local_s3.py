"""The S3 engine of `make run`: what it keeps, and who can reach it."""

import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from local import s3

CORS: dict[str, Any] = {"CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["PUT"]}]}


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-in elsewhere keeps nothing")
def test_files_survive_a_kill_and_all_ports_are_this_machine_s_own(tmp_path: Path) -> None:
    large = bytes(range(256)) * 20_000
    with s3.running(tmp_path) as engine:
        engine.make_bucket("files", CORS)
        s3.connect(engine.endpoint).put_object(Bucket="files", Key="a", Body=large)
        server = engine._process
        addresses = {one.laddr.ip for one in psutil.Process(server.pid).net_connections() if one.status == "LISTEN"}
        assert addresses == {"127.0.0.1"}
    # It was killed.
    assert server.returncode == -9

    with s3.running(tmp_path) as engine:
        engine.make_bucket("files", CORS)
        client = s3.connect(engine.endpoint)
        assert client.get_object(Bucket="files", Key="a")["Body"].read() == large


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-in elsewhere keeps nothing")
def test_an_engine_that_does_not_start_is_named_with_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "filerldb2").write_text("no folder")

    with s3.running(tmp_path) as engine, pytest.raises(s3.S3Error, match="did not start"):
        engine.make_bucket("files", CORS)
