"""local/uploads.py: what is told of what arrives."""

import asyncio
import json
from collections.abc import Callable

import pytest
from support.aws.client import NoResponse

from local.uploads import Uploads
from tests.bucket import S3, bucket_of


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> S3:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    return S3()


def look(s3: S3, *rounds: Callable[[], object]) -> list[tuple[str, str]]:
    """Look once before the first round and after each, and return what was told: keys and ETags."""
    told: list[tuple[str, str]] = []
    steps = iter(rounds)

    def tell(body: str) -> None:
        [record] = json.loads(body)["Records"]
        told.append((record["s3"]["object"]["key"], record["s3"]["object"]["eTag"]))

    async def pause(_: float) -> None:
        step = next(steps, None)
        if step is None:
            raise asyncio.CancelledError
        step()

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await Uploads(bucket_of(s3), tell, pause).run()

    asyncio.run(main())
    return told


def test_each_content_of_an_upload_is_told_of_once(s3: S3) -> None:
    first = s3.put("uploads/w/test/c/1", b"a")
    s3.put("files/w/test/c/1/a", b"a")
    second = s3.put("uploads/w/test/c/2", b"b")

    told = look(s3, lambda: None, lambda: s3.put("uploads/w/test/c/1", b"b"), s3.objects.clear)

    assert told == [("uploads/w/test/c/1", first), ("uploads/w/test/c/2", second), ("uploads/w/test/c/1", second)]


def test_what_comes_again_after_it_was_deleted_is_told_of_again(s3: S3) -> None:
    etag = s3.put("uploads/w/test/c/1", b"a")

    assert look(s3, s3.objects.clear, lambda: s3.put("uploads/w/test/c/1", b"a")) == [("uploads/w/test/c/1", etag)] * 2


def test_an_engine_that_is_silent_is_asked_again(s3: S3) -> None:
    etag = s3.put("uploads/w/test/c/1", b"a")
    s3.fates.append(NoResponse("ReadTimeoutError"))

    assert look(s3, lambda: None) == [("uploads/w/test/c/1", etag)]
