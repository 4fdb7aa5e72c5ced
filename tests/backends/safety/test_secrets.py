"""Secrets are masked by name, by value and by shape, wherever they hide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.safety.secrets import Masker, fingerprint, is_secret_name, masked
from backends.safety.url_secrets import MASK, mask_url

CANARY = "c4n4ry-S3cret/+value"


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "PARTNER_API_KEY_SALT",
        "SECRET_KEY",
        "ADMIN_API_KEY",
        "DB_PASSWORD",
        "GITHUB_TOKEN",
        "pinecone_api_key",
    ],
)
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["MONGODB_DB_NAME", "RECAP_MAX_CONTEXT_TOKENS", "ENVIRONMENT", "KEYBOARD", "PORT"])
def test_ordinary_names(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://ops:{}@db.example:27017/x",
        "mongodb+srv://ops:{}@cluster.example/?retryWrites=true",
        "postgresql://ops:{}@/chunks?host=/run/postgres",
        "https://user:{}@example/path",
        "postgresql://db/x?user=ops&password={}",
        "http://example/metrics?token={}",
        "https://{}@example/path",
        "https://example/v1?key={}",
    ],
)
def test_passwords_in_urls_are_masked(url: str) -> None:
    shown = mask_url(url.format("hunter22"))
    assert "hunter22" not in shown
    assert MASK in shown


def test_a_password_with_an_at_sign_is_masked_whole() -> None:
    assert "part2" not in mask_url("mongodb://ops:part1@part2@db/x")


def test_a_password_in_the_place_of_the_port_is_masked() -> None:
    assert mask_url("postgresql://ops:hunter22") == f"postgresql://ops:{MASK}"
    assert mask_url("postgresql://ops:hunter22/chunks") == f"postgresql://ops:{MASK}/chunks"


def test_a_password_with_an_unescaped_slash_is_masked_whole() -> None:
    assert mask_url("mongodb://ops:part1/part2@db/x") == f"mongodb://ops:{MASK}@db/x"


@pytest.mark.parametrize(
    "url",
    [
        "http://db:9100/@scope/x",
        "http://db:80",
        "mongodb://[::1]:27017/x",
        "mongodb://a:27017,b:27018/x?w=1@2",
        "https://db/x@y",
    ],
)
def test_urls_without_secrets_stay_as_they_are(url: str) -> None:
    assert mask_url(url) == url


CANARIES = [
    "mongodb://user@corp:{}@h/x",
    "mongodb://us/er:{}@h/x",
    "postgresql://q:{}'q@h/x",
    "postgresql://q:a {}@h/x",
    "postgresql://u:12345/{}@h/x",
    "postgresql://u:" + "x" * 600 + "/{}@h/x",
    "mongodb://u:?{}@h/x",
    "mongodb://u:#{}@h/x",
    "https://h/x?sig={}",
    "https://h/x?a=1&access_key={}&pwd={}",
    "https://h/x?code={}",
    "https://h/x?X-Amz-Signature={}",
    "https://h/x#{}",
    "mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:{}",
    "u:{}@h/x",
    "http:/u:{}@h/x",
    "//u:{}@h/x",
    "host=h user=u password='a {} b'",
    "http://a/metrics,http://u:{}@b/metrics",
    "http://{}@b/metrics,http://a/metrics",
    "https://h/login?next=http://u:{}@h",
]


@pytest.mark.parametrize("url", CANARIES)
def test_a_secret_in_a_url_is_masked_however_broken_the_url_is(url: str) -> None:
    masker = Masker()
    value = url.format("c4n4ry", "c4n4ry")
    assert "c4n4ry" not in masker(mask_url(value))
    masker.learn_environment({"SERVICE_URL": value})
    assert "c4n4ry" not in masker(f"cannot connect to {value}: bad port 'c4n4ry'")


@pytest.mark.parametrize(
    "text",
    [
        "mongodb://db1:27017,db2:27017/?replicaSet=rs0&retryWrites=true&w=majority",
        "postgresql://ops@db/chunks?host=/run/postgres&sslmode=require",
        "http://a:9100/metrics,http://b:9100/metrics",
        "https://h/x?page=3",
        "redis://h:6379/0",
        "bob@example.com at 10:30",
        "[2001:db8::1]:27017",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert mask_url(text) == Masker()(text) == text


def test_a_learned_value_is_masked_in_any_text_and_in_its_decoded_form() -> None:
    masker = Masker()
    masker.learn_environment({"MY_API_KEY": CANARY, "MONGODB_URI": "mongodb://u:p%40ssw0rd-x@h/d", "PORT": "3000"})
    text = masker(f"auth failed for key={CANARY}; p@ssw0rd-x and p%40ssw0rd-x; port 3000")
    assert CANARY not in text
    assert "ssw0rd-x" not in text
    assert "3000" in text


@pytest.mark.parametrize("token", ["sk-abcdefgh12345678", "olorin_AAAAAAAAAAAAAAAAAAAAAA", "Bearer abc.def.ghi"])
def test_tokens_are_masked_by_their_shape(token: str) -> None:
    assert token.split()[-1] not in Masker()(f"refused: {token}")


@given(st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=6, max_size=40))
def test_no_learned_secret_survives(secret: str) -> None:
    assert secret not in Masker([secret])(f"a {secret} b{secret}{secret}")


def test_masked_tells_length_and_fingerprint_only() -> None:
    assert CANARY not in masked(CANARY)
    assert str(len(CANARY)) in masked(CANARY)
    assert fingerprint(CANARY) in masked(CANARY)
    assert fingerprint(CANARY) != fingerprint(CANARY + "x")


@pytest.mark.parametrize("part", ["y", "a:", "a@", "://", "u://a:", "key=", "sk-"])
@pytest.mark.timeout(20)
def test_long_texts_are_masked_in_linear_time(part: str) -> None:
    masker = Masker([CANARY])
    assert CANARY not in masker(part * 200_000 + CANARY)
