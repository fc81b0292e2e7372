"""conversations/settings.py: what the text that the template sets means."""

import pytest
from support.settings import LiveSettings, Settings

ENVIRONMENT = {
    "STAGE": "prod",
    "TABLE_NAME": "conversations-prod",
    "TIMEOUT_SECONDS": "10",
    "API_KEY_CACHE_SECONDS": "60",
    "RATE_LIMIT_PER_MINUTE": "600",
    "TRUSTED_PROXIES": "",
    "RETENTION_DAYS_LIVE": "0",
    "RETENTION_DAYS_TEST": "30",
    "FILES_BUCKET": "files",
    "PUBLIC_URL": "https://api.example.com/support",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_each_setting_is_its_own_variable() -> None:
    assert Settings.from_environment() == Settings(
        stage="prod",
        table_name="conversations-prod",
        timeout_seconds=10,
        api_key_cache_seconds=60,
        rate_limit_per_minute=600,
        trusted_proxies=(),
        retention_days={"live": 0, "test": 30},
        files_bucket="files",
        public_url="https://api.example.com/support",
    )


def test_what_is_needed_to_deliver_is_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTIONS_TABLE_NAME", "connections")
    monkeypatch.setenv("CONNECTIONS_URL", "https://a.example/ws")

    assert LiveSettings.from_environment() == LiveSettings("connections", "https://a.example/ws")


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8,2001:db8::/32", "10.0.0.0/8, 2001:db8::/32", " 10.0.0.0/8 ,2001:db8::/32,"]
)
def test_trusted_proxies_are_what_stands_between_commas(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", text)

    assert Settings.from_environment().trusted_proxies == ("10.0.0.0/8", "2001:db8::/32")


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_variable_that_is_missing_is_noticed_at_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(KeyError, match=name):
        Settings.from_environment()
