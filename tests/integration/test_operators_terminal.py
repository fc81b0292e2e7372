"""`make operate` on the table of `make run`."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from local.dynamodb import connect, create_table
from local.operate import main
from local.ports import free_port
from local.template import latest
from tests import demo
from tests.builders import WEBSITE


@pytest.fixture
def port(dynamodb: str) -> Iterator[str]:
    """The port of a DynamoDB Local with the demo data in the table of `make run`."""
    name = latest().table_name()
    create_table(dynamodb, name, latest().table())
    demo.write(dynamodb, name)
    yield str(urlsplit(dynamodb).port)
    connect(dynamodb).delete_table(TableName=name)


def test_the_real_function_answers(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [f"websiteId={WEBSITE}", f"DYNAMODB_PORT={port}", "JSON=1"]

    assert main(["ACTION=update_allowed_origins", *given, "add=a.com,b.com"]) == 0

    website = json.loads(capsys.readouterr().out)["website"]
    assert {"https://a.com", "https://b.com"} < set(website["allowedOrigins"])


def test_without_a_database_it_says_what_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ACTION=list_websites", f"DYNAMODB_PORT={free_port()}"]) == 1
    assert "Start 'make run'" in capsys.readouterr().err
