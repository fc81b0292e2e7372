"""What operators do for all visitors of a person: proven ones, and with a word of theirs the claimed ones."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from api.routes import contacts
from erasing.operations import Erasures
from operators import operations
from operators.app import create_handler
from operators.events import ERASURES
from support.deadlines import Deadline
from support.dynamodb.table import Table
from support.store.erasure import ErasureStore

from local.operate import main
from tests.builders import LIVE_PRIVATE_KEY, OTHER_PRIVATE_KEY, WEBSITE, Context, a_body, a_message, private
from tests.calls import visitor
from tests.client import Api
from tests.operators import Operate, refused
from tests.stored import Storage

OF_WEBSITE = {"websiteId": WEBSITE, "mode": "test"}
EMAIL, ACCOUNT = "jane@example.com", "user-1"
PROVEN = [f"01JDEM0PR0VEN000000000000{number}" for number in range(5)]
CLAIMED = [f"01JDEM0C1A1MED00000000000{number}" for number in range(3)]


@pytest.fixture(autouse=True)
def _by_small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_FOUND", 2)


@pytest.fixture(autouse=True)
def _known(api: Api) -> None:
    """Let a person be proven to be some visitors, and claimed by others; and let everybody have a conversation."""
    who = {"email": f" {EMAIL.title()} ", "externalId": ACCOUNT}
    for id_ in PROVEN:
        assert api({**who, "visitorId": id_}, private(), route=contacts.IDENTIFY).status == 200
    for id_ in CLAIMED:
        assert api(who, visitor(id_), route=contacts.IDENTIFY).status == 200
    stranger = {"email": "joe@example.com", "externalId": "user-2", "visitorId": "01JDEM0STRANGER00000000000"}
    assert api(stranger, private(), route=contacts.IDENTIFY).status == 200
    for key in (OTHER_PRIVATE_KEY, LIVE_PRIVATE_KEY):
        elsewhere = {**who, "visitorId": "01JDEM0E1SEWHERE0000000000"}
        assert api(elsewhere, private(key), route=contacts.IDENTIFY).status == 200
    for id_ in (*PROVEN, *CLAIMED):
        body = a_body(conversationId=f"c-{id_}", visitorId=id_, defaultTimelineItems=[a_message()])
        assert api(body, private()).status == 200


def find(operate: Operate, **whom: Any) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    cursor: dict[str, str] = {}
    while True:
        page = operate("find_visitors", **OF_WEBSITE, **whom, **cursor)
        found += [(one["visitorId"], one["verified"]) for one in page["visitors"]]
        if page["nextCursor"] is None:
            return found
        cursor = {"cursor": page["nextCursor"]}


@pytest.mark.parametrize("whom", [{"email": EMAIL.upper()}, {"externalId": ACCOUNT}])
def test_all_visitors_of_whom_it_is_proven_are_found_and_claims_if_they_are_asked_for(
    operate: Operate, whom: dict[str, str]
) -> None:
    proven = [(id_, True) for id_ in reversed(PROVEN)]

    assert find(operate, **whom) == proven
    assert find(operate, **whom, includeClaims=True) == [*proven, *((id_, False) for id_ in reversed(CLAIMED))]


def test_visitors_of_a_deleted_website_are_found(operate: Operate) -> None:
    operate("delete_website", websiteId=WEBSITE, force=True)

    assert len(find(operate, email=EMAIL)) == len(PROVEN)


def test_a_visitor_who_has_expired_is_not_found(operate: Operate, storage: Storage) -> None:
    storage.let_expire(storage.scan(f"VISITOR#{WEBSITE}#test#{PROVEN[1]}"))

    assert [id_ for id_, _ in find(operate, email=EMAIL)] == [id_ for id_ in reversed(PROVEN) if id_ != PROVEN[1]]


@pytest.mark.parametrize(
    ("whom", "refusal"),
    [
        ({}, "VALIDATION_FAILED "),
        ({"email": EMAIL, "externalId": ACCOUNT}, "VALIDATION_FAILED "),
        ({"email": ""}, "VALIDATION_FAILED email"),
        ({"email": EMAIL, "cursor": "unknown"}, "VALIDATION_FAILED cursor"),
        ({"email": EMAIL, "websiteId": "0" * 26}, "NOT_FOUND"),
    ],
)
def test_a_search_is_for_one_thing_on_one_website(operate: Operate, whom: dict[str, str], refusal: str) -> None:
    assert refused(operate("find_visitors", **{**OF_WEBSITE, **whom})) == refusal


def test_who_looks_for_a_person_and_exports_leaves_an_audit_line_that_does_not_name_the_person(
    operate: Operate, emitted: Callable[[], list[dict[str, Any]]]
) -> None:
    emitted()
    operate("find_visitors", **OF_WEBSITE, email=EMAIL, actor="joe")
    operate("export_visitor", **OF_WEBSITE, visitorId=PROVEN[0], actor="joe")

    search, export = emitted()
    assert search.items() >= {"message": "audit", "action": "find_visitors", "actor": "joe", "found": 2}.items()
    assert export.items() >= {"message": "audit", "action": "export_visitor", "actor": "joe"}.items()
    assert not any(secret in json.dumps([search, export]).lower() for secret in (EMAIL, PROVEN[0].lower()))


# The command ----------------------------------------------------------------------------------------------------------


@dataclass
class Functions:
    """The functions that the command sends its events to. A wait takes no time."""

    operate: Operate
    table: Table
    seconds: float = 1_800_000_000
    sent: list[dict[str, Any]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    fails_at: int = 0

    def invoke(self, _options: object, event: dict[str, Any]) -> dict[str, Any]:
        self.sent.append(event)
        if len(self.sent) == self.fails_at:
            raise KeyboardInterrupt
        if event["action"] not in ERASURES:
            return self.operate(event=event)
        result = create_handler(Erasures(self.table, lambda: self.seconds), ERASURES)(event, Context())
        erased = f"CONVERSATION#{WEBSITE}#test#c-{event['visitorId']}"
        ErasureStore(self.table, pause=lambda _: None).finish(erased, Deadline.after(60))
        return result

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds


@pytest.fixture
def functions(operate: Operate, database: Table, monkeypatch: pytest.MonkeyPatch) -> Functions:
    functions = Functions(operate, database)
    monkeypatch.setattr("local.operate._invoke", functions.invoke)
    monkeypatch.setattr("local.operate.time.sleep", functions.sleep)
    return functions


def run(action: str, *words: str) -> int:
    return main([action, f"--website-id={WEBSITE}", "--mode=test", *words])


def left(storage: Storage, ids: list[str]) -> list[str]:
    """Return those of whom a row is left."""
    stored = json.dumps([[row["PK"], row["SK"], row.get("visitorId")] for row in storage.scan("")])
    return [id_ for id_ in ids if id_ in stored]


@pytest.mark.usefixtures("functions")
def test_an_erasure_of_a_person_reaches_what_is_proven_and_a_claim_only_if_it_is_asked_for(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("erase_visitor", f"--email={EMAIL}", "--json") == 0

    assert json.loads(capsys.readouterr().out)["visitors"] == [
        {"visitorId": id_, "verified": True, "done": True} for id_ in reversed(PROVEN)
    ]
    assert left(storage, [*PROVEN, *CLAIMED]) == CLAIMED
    assert run("erase_visitor", f"--external-id={ACCOUNT}") == 1
    assert "--include-claims" in capsys.readouterr().err
    assert run("erase_visitor", f"--external-id={ACCOUNT}", "--include-claims") == 0
    assert left(storage, CLAIMED) == []


def test_the_visitors_of_a_person_share_the_waits(functions: Functions) -> None:
    assert run("erase_visitor", f"--email={EMAIL}") == 0

    assert sum(functions.waits) < 2 * 60


@pytest.mark.parametrize("nth", [5, 9, 14])
def test_an_erasure_of_a_person_that_is_cut_short_names_whom_it_has_not_finished(
    functions: Functions, storage: Storage, capsys: pytest.CaptureFixture[str], nth: int
) -> None:
    functions.fails_at = nth

    with pytest.raises(KeyboardInterrupt):
        run("erase_visitor", f"--email={EMAIL}")

    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("--visitor-id=")]
    for line in told:
        assert run("erase_visitor", line) == 0
    assert left(storage, PROVEN) == []


def test_an_export_of_a_person_has_a_folder_for_each_visitor_and_tells_claims_from_proofs(
    functions: Functions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export_visitor", f"--email={EMAIL}", "--include-claims", f"--to={tmp_path / 'jane'}") == 0

    listed = json.loads((tmp_path / "jane" / "visitors.json").read_text("utf-8"))
    verified = {**dict.fromkeys(PROVEN, True), **dict.fromkeys(CLAIMED, False)}
    assert {one["visitorId"]: one["verified"] for one in listed} == verified
    for id_ in verified:
        exported = json.loads((tmp_path / "jane" / id_ / f"0001-c-{id_}.json").read_text("utf-8"))
        assert exported["conversation"]["id"] == f"c-{id_}"
    assert run("export_visitor", f"--email={EMAIL}", f"--to={tmp_path / 'proven'}") == 0
    assert {path.name for path in (tmp_path / "proven").iterdir()} == {"visitors.json", *PROVEN}
    assert run("export_visitor", f"--email={EMAIL}") == 1
    assert "--to=FOLDER" in capsys.readouterr().err
    assert not any("email" in event for event in functions.sent if event["action"] != "find_visitors")


@pytest.mark.parametrize("action", ["export_visitor", "erase_visitor"])
@pytest.mark.parametrize("whom", [[], [f"--visitor-id={PROVEN[0]}", "--email=a@b.c"], ["--email=a", "--external-id=b"]])
def test_a_visitor_or_a_person_is_named_in_one_way(
    functions: Functions, capsys: pytest.CaptureFixture[str], action: str, whom: list[str]
) -> None:
    assert run(action, *whom) == 1

    assert "visitorId, externalId or email" in capsys.readouterr().err
    assert functions.sent == []


@pytest.mark.usefixtures("functions")
def test_claims_are_not_included_of_one_visitor(storage: Storage, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("erase_visitor", f"--visitor-id={PROVEN[0]}", "--include-claims") == 1

    assert "includeClaims" in capsys.readouterr().err
    assert left(storage, PROVEN) == PROVEN
