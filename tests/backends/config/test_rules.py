"""Every rule, kept and broken: one healthy configuration, and for each rule what breaks it and nothing but it."""

from __future__ import annotations

import pytest

from backends.config.model import Status
from backends.config.rule import name_of
from backends.config.rules import RULES, flags, judge
from backends.config.rules_needed import ALWAYS, FEATURES, LIBRARIAN
from tests.backends.config.configurations import HEALTHY, SALT, findings_of, only, values_of

Changes = dict[str, str | None]

LOCAL_HOSTS = ("localhost", "127.0.0.1", "127.8.8.8", "[::1]", "0.0.0.0", "db1,localhost:27018", "127.1", "LocalHost.")

Broken = tuple[str, Changes, str, Status]

NEEDED: list[Broken] = []
for _id in ALWAYS:
    NEEDED += [(f"required {name_of(_id)}", {name_of(_id): gone}, _id, Status.FAIL) for gone in (None, "  ")]
for _feature in FEATURES:
    for _id in _feature.needs:
        NEEDED.append((f"{name_of(_feature.flag)} needs {name_of(_id)}", {name_of(_id): ""}, _id, Status.FAIL))

LOCAL: list[Broken] = [
    (
        "no localhost in production",
        {"MONGODB_URI": f"mongodb://{host}/?appName=x&tls=true"},
        "platform.mongodb_uri",
        Status.FAIL,
    )
    for host in LOCAL_HOSTS
]
ONE_EACH: Changes = {name_of(id_): "1" for id_ in LIBRARIAN}

BROKEN: list[Broken] = [
    *NEEDED,
    ("librarian whole", {"LIBRARIAN_MAX_ITERATIONS": "3"}, "librarian.reports_limit", Status.FAIL),
    (
        "olorin url unused",
        {"OLORIN_USE_SEPARATE_DATABASE": "false"},
        "olorin.database.mongodb_url",
        Status.WARN,
    ),
    ("usable value", {"RECAP_MAX_CONTEXT_TOKENS": "999"}, "olorin.recap.max_context_tokens", Status.FAIL),
    ("usable value", {"OLORIN_RECAP_ENABLED": "maybe"}, "olorin.recap_enabled", Status.FAIL),
    ("usable value", {"PARTNER_API_KEY_SALT": SALT[:31]}, "olorin.partner.api_key_salt", Status.FAIL),
    ("usable value", {"BACKEND_CORS_ORIGINS": '["https://a"'}, "platform.backend_cors_origins", Status.FAIL),
    ("usable value", {"METERING_COST_PER_1K_TOKENS_LLM": "nan"}, "olorin.metering.cost_per_1k_tokens_llm", Status.FAIL),
    ("usable value", {"AUDIO_CHUNKING_OVERLAP_DURATION": "2", "AUDIO_CHUNKING_CHUNK_DURATION": "2"},
     "audio.overlap_duration", Status.FAIL),
    ("usable value", {"PORT": "tcp://10.0.0.1:80"}, "orchestration.port", Status.WARN),
    ("one name", {"MONGODB_URL": "mongodb://another.example.net/"}, "platform.mongodb_uri", Status.FAIL),
    ("one name", {"MONGODB_URL": HEALTHY["MONGODB_URI"]}, "platform.mongodb_uri", Status.WARN),
    ("one name", {"MONGODB_URL": HEALTHY["MONGODB_URI"], "MONGODB_URI": None}, "platform.mongodb_uri", Status.WARN),
    ("spelling", {"recap_window_default_minutes": "20"}, "olorin.recap.window_default_minutes", Status.WARN),
    ("no stray characters", {"GCP_PROJECT_ID": "bayit-prod "}, "platform.gcp_project_id", Status.WARN),
    ("no stray characters", {"GCP_PROJECT_ID": "bayit\u200bprod"}, "platform.gcp_project_id", Status.WARN),
    ("known environment", {"ENVIRONMENT": "prod"}, "platform.environment", Status.WARN),
    ("spelling", {"recap_enabled": "true", "OLORIN_RECAP_ENABLED": None}, "olorin.recap_enabled", Status.WARN),
    ("known log level", {"LOG_LEVEL": "banana"}, "drafting.log_level", Status.WARN),
    ("database named", {"MONGODB_DB_NAME": ""}, "platform.mongodb_db_name", Status.FAIL),
    ("database named", {"OLORIN_MONGODB_DB_NAME": " "}, "olorin.database.mongodb_db_name", Status.FAIL),
    ("one server, two pools", {"OLORIN_MONGODB_URL": None}, "olorin.database.mongodb_url", Status.WARN),
    ("secret not guessable", {"PARTNER_API_KEY_SALT": "Bayit-Plus-Olorin-Production-Salt-2024"},
     "olorin.partner.api_key_salt", Status.FAIL),
    ("vector length", {"EMBEDDING_DIMENSIONS": "3072"}, "olorin.embedding.dimensions", Status.FAIL),
    ("retry delays", {"RESILIENCE_RETRY_INITIAL_DELAY_SECONDS": "9", "RESILIENCE_RETRY_MAX_DELAY_SECONDS": "8"},
     "olorin.resilience.retry_initial_delay_seconds", Status.WARN),
    ("budgets in order", ONE_EACH | {"LIBRARIAN_MIN_BUDGET_USD": "5"},
     "librarian.min_budget_usd", Status.WARN),
    ("mongo url form", {"MONGODB_URI": "main.example.net:27017"}, "platform.mongodb_uri", Status.FAIL),
    ("mongo url form", {"OLORIN_MONGODB_URL": "mongodb://u:p/w@h/"}, "olorin.database.mongodb_url", Status.FAIL),
    *LOCAL,
    ("no localhost in production", {"OLORIN_MONGODB_URL": "mongodb://u:p@127.0.0.1/?appName=x&tls=true"},
     "olorin.database.mongodb_url", Status.FAIL),
    ("tls in production", {"MONGODB_URI": "mongodb://db.example.net/?appName=x"}, "platform.mongodb_uri", Status.WARN),
    ("tls in production", {"MONGODB_URI": HEALTHY["MONGODB_URI"] + "&tls=false"}, "platform.mongodb_uri", Status.WARN),
    ("tls in production", {"MONGODB_URI": HEALTHY["MONGODB_URI"] + "&tlsInsecure=true"}, "platform.mongodb_uri",
     Status.WARN),
    ("application name", {"MONGODB_URI": "mongodb+srv://db.example.net/"}, "platform.mongodb_uri", Status.WARN),
    ("two databases", {"OLORIN_MONGODB_URL": None, "OLORIN_MONGODB_DB_NAME": "bayit_plus"},
     "olorin.database.use_separate_database", Status.FAIL),
    ("one server, two pools", {"OLORIN_MONGODB_URL": HEALTHY["MONGODB_URI"]}, "olorin.database.mongodb_url",
     Status.WARN),
    ("front end url", {"FRONTEND_URL": "bayit.example.net"}, "platform.frontend_url", Status.FAIL),
    ("front end of this machine", {"FRONTEND_WEB_URL": "https://localhost:3000"}, "platform.frontend_web_url",
     Status.WARN),
    ("front end encrypted", {"FRONTEND_URL": "http://bayit.example.net"}, "platform.frontend_url", Status.WARN),
    ("origins", {"BACKEND_CORS_ORIGINS": "*"}, "platform.backend_cors_origins", Status.WARN),
    ("origins", {"BACKEND_CORS_ORIGINS": "https://a.example, http://localhost:3000"}, "platform.backend_cors_origins",
     Status.WARN),
    ("postgres tls", {"CHUNKS_DATABASE_URL": "postgresql://ops@db.example.net/chunks"}, "console.chunks_database_url",
     Status.WARN),
    ("model url", {"OPENAI_BASE_URL": "model.example.net"}, "drafting.openai_base_url", Status.FAIL),
    ("model encrypted", {"OPENAI_BASE_URL": "http://model.example.net/v1"}, "drafting.openai_base_url", Status.WARN),
    ("secret not guessable", {"PARTNER_API_KEY_SALT": "abc" * 12}, "olorin.partner.api_key_salt", Status.FAIL),
    ("secret not guessable", {"PARTNER_API_KEY_SALT": "abc" * 12, "ENVIRONMENT": "staging"},
     "olorin.partner.api_key_salt", Status.WARN),
    ("no placeholder", {"SECRET_KEY": "your-secret-key-change-in-production"}, "platform.secret_key", Status.FAIL),
    ("no placeholder", {"PINECONE_API_KEY": "<your-api-key>", "ENVIRONMENT": "staging"}, "olorin.pinecone.api_key",
     Status.WARN),
    ("signing key length", {"SECRET_KEY": SALT[:20]}, "platform.secret_key", Status.WARN),
    ("one secret, one use", {"SECRET_KEY": SALT}, "olorin.partner.api_key_salt", Status.WARN),
]  # fmt: skip


IDS = [f"{rule} {next(iter(changes))}" for rule, changes, _, _ in BROKEN]


def test_a_healthy_configuration_keeps_every_rule() -> None:
    assert judge(values_of()) == ()


@pytest.mark.parametrize(("rule", "changes", "id_", "status"), BROKEN, ids=IDS)
def test_a_broken_rule_is_found_where_it_is_broken(rule: str, changes: Changes, id_: str, status: Status) -> None:
    found = only(findings_of(changes), rule)
    assert (id_, status) in [(each.id, each.status) for each in found]
    assert all(each.message and each.why and each.breaks for each in found)


def test_every_rule_is_broken_here() -> None:
    assert {rule.name for rule in RULES} == {each[0] for each in BROKEN}


def test_all_findings_come_at_once() -> None:
    found = findings_of(
        {
            "SECRET_KEY": None,
            "PARTNER_API_KEY_SALT": "short",
            "EMBEDDING_DIMENSIONS": "1",
            "DUBBING_TARGET_LATENCY_MS": "1",
        }
    )
    assert len({each.id for each in found}) == 4


def test_a_finding_says_what_leads_there() -> None:
    finding = only(findings_of({"ELEVENLABS_API_KEY": None}), "OLORIN_DUBBING_ENABLED needs ELEVENLABS_API_KEY")[0]
    assert finding.chain[0] == "OLORIN_DUBBING_ENABLED=true (environment)"
    assert finding.chain[-1] == "ELEVENLABS_API_KEY is not set"
    assert finding.remedy == "ELEVENLABS_API_KEY="


@pytest.mark.parametrize("salt", [SALT[:31], "MySuperSecretSaltForPartnerApiKeys"])
def test_a_bad_salt_says_what_needs_it(salt: str) -> None:
    [finding] = findings_of({"PARTNER_API_KEY_SALT": salt})
    assert finding.chain[:2] == (
        "OLORIN_DUBBING_ENABLED=true (environment)",
        "live dubbing: partners are authenticated",
    )


def test_a_remedy_keeps_what_is_right_of_a_url() -> None:
    url = "mongodb://ops:pw-of-ops@db1,localhost:27018/bayit?replicaSet=r0&authMechanismProperties=TOKEN:pw-of-ops"
    remedies = [each.remedy for each in findings_of({"MONGODB_URI": url})]
    kept = "mongodb://CREDENTIALS@db1,HOST:27018/bayit?replicaSet=r0&authmechanismproperties=VALUE"
    assert f"MONGODB_URI={kept}" in remedies
    assert any(each.endswith("&tls=true") for each in remedies)
    assert any(each.endswith("&appName=bayit-plus") for each in remedies)
    assert not [each for each in remedies if "pw-of-ops" in each]


def test_features_that_are_off_need_nothing() -> None:
    off: Changes = {name_of(feature.flag): "false" for feature in FEATURES}
    gone: Changes = {name_of(id_): None for feature in FEATURES for id_ in feature.needs}
    assert judge(values_of(off | gone)) == ()


@pytest.mark.parametrize("host", LOCAL_HOSTS)
@pytest.mark.parametrize("kind", ["development", "staging"])
def test_localhost_is_fine_elsewhere(host: str, kind: str) -> None:
    assert findings_of({"MONGODB_URI": f"mongodb://{host}/?appName=x", "ENVIRONMENT": kind}) == ()


@pytest.mark.parametrize("flag", [feature.flag for feature in FEATURES])
def test_a_flag_is_safe_only_where_what_it_needs_is_there(flag: str) -> None:
    off: Changes = {name_of(feature.flag): "false" for feature in FEATURES}
    whole, bare = values_of(off), values_of(off | {"PARTNER_API_KEY_SALT": None})
    assert all(each.safe and not each.on for each in flags(whole, judge(whole)) if each.id == flag)
    [judged] = [each for each in flags(bare, judge(bare)) if each.id == flag]
    assert not judged.safe
    assert [each.id for each in judged.missing] == ["olorin.partner.api_key_salt"]


def test_remedies_hold_no_secret_and_can_be_pasted() -> None:
    found = [each for _, changes, _, _ in BROKEN for each in findings_of(changes)]
    assert all("=" in each.remedy for each in found)
    secrets = {value for name, value in HEALTHY.items() if name.endswith(("KEY", "SALT"))} | {"pw-of-ops"}
    assert not [each.remedy for each in found for secret in secrets if secret in each.remedy]
