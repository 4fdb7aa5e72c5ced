"""The platform's settings classes, alone: defaults, ranges, prefixes, dotenv files, and the old flat names."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backends.config.catalogue import known_prefixes, specs
from backends.config.flat import Deprecated, PlatformSettings
from backends.config.platform import SECTIONS, OlorinSettings, PartnerAPIConfig
from tests.backends.config.configurations import SALT

DEFAULTS: dict[str, dict[str, Any]] = {
    "partner": {"api_key_salt": "", "default_rate_limit_rpm": 60, "webhook_timeout_seconds": 10},
    "pinecone": {"api_key": "", "environment": "us-east-1-aws", "index_name": "olorin-content"},
    "embedding": {"model": "text-embedding-3-small", "dimensions": 1536},
    "dubbing": {
        "max_concurrent_sessions": 100,
        "session_timeout_minutes": 120,
        "target_latency_ms": 2000,
        "stt_provider": "elevenlabs",
    },
    "recap": {
        "max_context_tokens": 8000,
        "window_default_minutes": 15,
        "summary_max_tokens": 300,
        "max_transcript_segments": 5000,
        "max_recaps_per_session": 100,
    },
    "cultural": {
        "reference_cache_ttl_hours": 24,
        "reference_cache_max_entries": 10000,
        "detection_min_confidence": 0.7,
    },
    "metering": {
        "cost_per_audio_second_stt": 0.00004,
        "cost_per_audio_second_tts": 0.00024,
        "cost_per_1k_translation_chars": 0.00002,
        "cost_per_1k_tokens_llm": 0.003,
        "cost_per_1k_embedding_tokens": 0.00002,
    },
    "resilience": {
        "circuit_breaker_failure_threshold": 5,
        "circuit_breaker_recovery_timeout_seconds": 30,
        "circuit_breaker_half_open_max_calls": 3,
        "retry_max_attempts": 3,
        "retry_initial_delay_seconds": 1,
        "retry_max_delay_seconds": 60,
        "retry_exponential_base": 2,
    },
    "database": {"mongodb_url": None, "mongodb_db_name": "olorin_platform", "use_separate_database": False},
}

RANGES: dict[tuple[str, str], tuple[float, float]] = {
    ("partner", "default_rate_limit_rpm"): (1, 10_000),
    ("partner", "webhook_timeout_seconds"): (1, 60),
    ("embedding", "dimensions"): (256, 3072),
    ("dubbing", "max_concurrent_sessions"): (1, 1000),
    ("dubbing", "session_timeout_minutes"): (1, 480),
    ("dubbing", "target_latency_ms"): (500, 10_000),
    ("recap", "max_context_tokens"): (1000, 100_000),
    ("recap", "window_default_minutes"): (1, 120),
    ("recap", "summary_max_tokens"): (50, 1000),
    ("recap", "max_transcript_segments"): (100, 50_000),
    ("recap", "max_recaps_per_session"): (10, 1000),
    ("cultural", "reference_cache_ttl_hours"): (1, 168),
    ("cultural", "reference_cache_max_entries"): (100, 100_000),
    ("cultural", "detection_min_confidence"): (0, 1),
    ("resilience", "circuit_breaker_failure_threshold"): (1, 100),
    ("resilience", "circuit_breaker_recovery_timeout_seconds"): (5, 300),
    ("resilience", "circuit_breaker_half_open_max_calls"): (1, 10),
    ("resilience", "retry_max_attempts"): (1, 10),
    ("resilience", "retry_initial_delay_seconds"): (0.1, 30),
    ("resilience", "retry_max_delay_seconds"): (1, 300),
    ("resilience", "retry_exponential_base"): (1.5, 4),
}

OLD_NAMES = {name: old.path for name, old in vars(PlatformSettings).items() if type(old) is Deprecated}


@pytest.fixture(autouse=True)
def bare_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine is read."""
    monkeypatch.chdir(tmp_path)
    for spec in specs():
        for name in (spec.name, *spec.older_names):
            monkeypatch.delenv(name, raising=False)


def test_every_field_has_its_default() -> None:
    settings = OlorinSettings()
    assert {name: getattr(settings, name).model_dump() for name in SECTIONS} == DEFAULTS
    flags = {"dubbing_enabled", "semantic_search_enabled", "cultural_context_enabled", "recap_enabled"}
    assert not any(getattr(settings, flag) for flag in flags)
    assert (settings.api_version, settings.default_content_language) == ("v1", "he")


@pytest.mark.parametrize(("section", "field"), RANGES, ids=[".".join(each) for each in RANGES])
@given(data=st.data())
def test_a_range_holds_its_bounds_and_nothing_beyond(data: st.DataObject, section: str, field: str) -> None:
    least, most = RANGES[section, field]
    cls = SECTIONS[section]
    whole = cls.model_fields[field].annotation is int
    numbers: st.SearchStrategy[float] = (
        st.integers(int(least) * -2 - 2, int(most) * 2 + 2) if whole else st.floats(-2 * most - 2, 2 * most + 2)
    )
    value = data.draw(numbers | st.sampled_from([least, most]))
    if least <= value <= most:
        assert getattr(cls(**{field: value}), field) == value
    else:
        with pytest.raises(ValidationError):
            cls(**{field: value})


PREFIXED = {
    "PARTNER_DEFAULT_RATE_LIMIT_RPM": ("partner.default_rate_limit_rpm", 7),
    "PINECONE_INDEX_NAME": ("pinecone.index_name", "7"),
    "EMBEDDING_DIMENSIONS": ("embedding.dimensions", 512),
    "dubbing_stt_provider": ("dubbing.stt_provider", "7"),
    "RECAP_WINDOW_DEFAULT_MINUTES": ("recap.window_default_minutes", 7),
    "CULTURAL_DETECTION_MIN_CONFIDENCE": ("cultural.detection_min_confidence", 0.25),
    "METERING_COST_PER_1K_TOKENS_LLM": ("metering.cost_per_1k_tokens_llm", 7.0),
    "RESILIENCE_RETRY_MAX_ATTEMPTS": ("resilience.retry_max_attempts", 7),
    "OLORIN_MONGODB_DB_NAME": ("database.mongodb_db_name", "7"),
}


@pytest.mark.parametrize("name", PREFIXED)
def test_each_class_reads_its_own_prefix(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path, value = PREFIXED[name]
    monkeypatch.setenv(name, str(value))
    section, field = path.split(".")
    assert getattr(getattr(OlorinSettings(), section), field) == value


def test_a_flag_is_read_by_its_alias_spelled_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("olorin_recap_enabled", "true")
    assert not OlorinSettings().recap_enabled
    monkeypatch.setenv("OLORIN_RECAP_ENABLED", "true")
    assert OlorinSettings().recap_enabled
    assert OlorinSettings(dubbing_enabled=True).dubbing_enabled


def test_a_dotenv_file_reaches_the_sections(tmp_path: Path) -> None:
    file = tmp_path / "prod.env"
    file.write_text("OLORIN_DUBBING_ENABLED=true\nDUBBING_TARGET_LATENCY_MS=700\nMONGODB_URL=mongodb://db/\n")
    settings = PlatformSettings(_env_file=file)
    assert (settings.olorin.dubbing_enabled, settings.olorin.dubbing.target_latency_ms) == (True, 700)
    assert settings.MONGODB_URI == "mongodb://db/"


def test_the_process_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prod.env"
    file.write_text("RECAP_SUMMARY_MAX_TOKENS=100\n")
    monkeypatch.setenv("RECAP_SUMMARY_MAX_TOKENS", "200")
    assert OlorinSettings(_env_file=file).recap.summary_max_tokens == 200


def test_there_are_twenty_old_names() -> None:
    assert len(OLD_NAMES) == 20


@pytest.mark.parametrize("name", OLD_NAMES)
def test_an_old_name_warns_and_gives_what_the_new_one_has(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTNER_API_KEY_SALT", SALT)
    settings = PlatformSettings()
    with pytest.warns(DeprecationWarning, match=f"settings.{name} is deprecated"):
        old = getattr(settings, name)
    new: Any = settings.olorin
    for step in OLD_NAMES[name].split("."):
        new = getattr(new, step)
    assert old == new


def test_new_names_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert PlatformSettings().olorin.pinecone.index_name == "olorin-content"


@pytest.mark.parametrize("salt", ["x" * 31, "x"])
def test_an_error_never_holds_the_salt(salt: str) -> None:
    with pytest.raises(ValidationError) as raised:
        PartnerAPIConfig(api_key_salt=salt)
    assert salt not in str(raised.value).replace("max", "")


def test_secrets_are_in_no_repr() -> None:
    settings = PlatformSettings(SECRET_KEY=SALT, MONGODB_URI=f"mongodb://u:{SALT}@h/", OPENAI_API_KEY=SALT)
    assert SALT not in repr(settings)


def test_the_prefixes_are_the_classes_own() -> None:
    assert {section.model_config["env_prefix"] for section in SECTIONS.values()} <= set(known_prefixes())
