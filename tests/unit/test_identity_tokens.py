"""support/identity_tokens.py: what a token must be to prove anything."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.errors import Code, Refusal
from support.identity_tokens import MAX_BYTES, verify
from support.values.api_key import ApiKey
from support.values.identity_secret import IdentitySecret

from tests.builders import IDENTITY_SECRET, LIVE_IDENTITY_SECRET, OTHER_WEBSITE, WEBSITE, a_key, a_token

NOW = 1_800_000_000
DAY = 86_400
SECRET, OLD = IDENTITY_SECRET, "is_test_" + "c" * 64


def key_with(*secrets: IdentitySecret) -> ApiKey:
    return ApiKey.from_item(a_key(identity_secrets=secrets))


KEY = key_with(IdentitySecret("2", SECRET, "2026"))


def token(secret: str = SECRET, **claims: Any) -> str:
    return a_token(secret, **{"exp": NOW + 60, **claims})


def refusal(sent: str, key: ApiKey = KEY) -> str:
    with pytest.raises(Refusal) as refused:
        verify(sent, key, NOW)
    assert refused.value.code == Code.INVALID_IDENTITY_TOKEN
    return refused.value.message


def signed_by_rsa(**claims: Any) -> str:
    pem = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return jwt.encode({"sub": "user-1", "exp": NOW + 60, **claims}, pem, "RS256")


def without(sent: str, part: int) -> str:
    parts = sent.split(".")
    parts[part] = ""
    return ".".join(parts)


def test_a_token_says_who_it_is() -> None:
    said = verify(token(email="jane@example.com", name="Jané", nbf=NOW, aud=WEBSITE, iat=0, role="admin"), KEY, NOW)

    assert (said.sub, said.email, said.name) == ("user-1", "jane@example.com", "Jané")


def test_a_library_s_token_is_one() -> None:
    assert verify(jwt.encode({"sub": "user-1", "exp": NOW + 60}, SECRET), KEY, NOW).sub == "user-1"


def test_what_it_does_not_say_is_unknown() -> None:
    said = verify(token(), KEY, NOW)

    assert (said.email, said.name) == (None, None)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - 59},
        {"exp": NOW + DAY + 60},
        {"exp": NOW + 0.5},
        {"nbf": NOW + 60},
        {"nbf": -5},
        {"aud": WEBSITE},
        {"aud": ["https://api.example.com", WEBSITE]},
        {"sub": "x" * 320, "name": "", "email": ""},
    ],
)
def test_a_token_is_accepted_with_a_minute_s_leeway(claims: dict[str, Any]) -> None:
    verify(token(**claims), KEY, NOW)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": str(NOW + 60)},
        {"exp": True},
        {"exp": [NOW + 60]},
        {"exp": NOW - 60},
        {"exp": -1},
        {"exp": NOW + DAY + 61},
        {"exp": NOW + 365 * DAY},
        {"exp": 10**400},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"nbf": NOW + 61},
        {"nbf": str(NOW)},
        {"nbf": float("nan")},
        {"aud": OTHER_WEBSITE},
        {"aud": [OTHER_WEBSITE]},
        {"aud": []},
        {"aud": ""},
        {"aud": 5},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 321},
        {"sub": "\ud800"},
        {"email": 5},
        {"email": "x" * 321},
        {"name": ["Jane"]},
        {"name": "x" * 321},
    ],
)
def test_claims_of_another_kind_prove_nothing(claims: dict[str, Any]) -> None:
    refusal(token(**claims))


CLAIMS = json.dumps({"sub": "user-1", "exp": NOW + 60}).encode()


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "x",
        "..",
        "a.b.c",
        "é.é.é",
        "\ud800.a.b",
        token() + "é",
        token() + "A",
        token()[:-1],
        f".{token()}",
        f" {token()}",
        f"{token()}.",
        *(without(token(), part) for part in range(3)),
        *(
            token(header={"alg": alg})
            for alg in ("none", "None", "hs256", "Hs256", "HS384", "RS256", "", None, ["HS256"])
        ),
        *(without(token(header={"alg": alg}), 2) for alg in ("none", "HS256")),
        token(header={"typ": "JWT"}),
        token(header=["HS256"]),
        *(token(header={"alg": "HS256", "kid": kid}) for kid in (5, None, ["a"])),
        token(header={"alg": "HS256", "b64": False, "crit": ["b64"]}),
        token(header={"alg": "HS256", "crit": ["exp"]}),
        token("", header={"alg": "HS256", "kid": "/dev/null"}),
        token("", header={"alg": "HS256", "jwk": {"kty": "oct", "k": ""}}),
        token(SECRET + " "),
        token(SECRET.removeprefix("is_test_")),
        token(OLD),
        token(LIVE_IDENTITY_SECRET),
        signed_by_rsa(),
        jwt.encode({"sub": "user-1", "exp": NOW + 60}, SECRET, "HS512"),
        *(token(payload=payload) for payload in (b"", b"[]", b"null", b"{", b"\xff", b'"x"', b"[" * 2_000)),
        token(payload=b"\xef\xbb\xbf" + CLAIMS),
        token(name="x" * 300, more="x" * MAX_BYTES),
    ],
)
def test_what_the_secret_has_not_signed_by_hs256_proves_nothing(sent: str) -> None:
    refusal(sent)


def test_a_public_key_is_no_secret() -> None:
    """The secret is text, so a token that is signed with the text of a key proves nothing unless it is that secret."""
    assert "signed" in refusal(token("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"))


def test_headers_that_name_a_key_do_not_choose_it() -> None:
    assert verify(token(header={"alg": "HS256", "kid": "../../etc/passwd", "jku": "https://evil.example"}), KEY, NOW)


def test_the_secret_before_is_accepted_until_its_grace_period_is_over() -> None:
    old = IdentitySecret("1", OLD, "2026", expires_at=NOW + 1)
    rotated = key_with(old, *KEY.identity_secrets)

    assert verify(token(OLD), rotated, NOW)
    assert verify(token(), rotated, NOW)
    with pytest.raises(Refusal):
        verify(token(OLD), rotated, NOW + 1)


def test_without_a_secret_nothing_is_proven() -> None:
    refusal(token(), key_with())
    refusal(token(""), key_with())


@pytest.mark.parametrize("sent", [token(name="canary " * 60), token(OLD, name="canary"), token(aud="canary"), "canary"])
def test_a_refusal_quotes_nothing(sent: str) -> None:
    assert "canary" not in refusal(sent)


def test_a_secret_is_not_shown_by_accident() -> None:
    assert SECRET not in repr(KEY)
    assert SECRET not in repr(KEY.identity_secrets)
