"""The service's audio settings: every range holds its bounds and nothing beyond, and chunks must advance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.config.orchestration import AudioChunkingConfig
from backends.config.sources import Sources
from backends.config.values import plain, read_values

RANGES: dict[str, tuple[float, float]] = {
    "chunk_duration": (0.5, 10),
    "overlap_duration": (0, 2),
    "processing_interval": (0.1, 5),
    "buffer_duration": (5, 60),
    "min_quality_threshold": (0, 1),
    "silence_threshold": (0, 0.1),
    "noise_threshold": (0, 0.1),
    "correlation_confidence_threshold": (0, 1),
    "correlation_temporal_window": (0.5, 10),
    "max_concurrent_chunks": (1, 50),
    "chunk_processing_timeout": (5, 120),
    "database_batch_size": (1, 1000),
    "file_retention_days": (1, 365),
}


def test_every_number_is_here() -> None:
    fields = AudioChunkingConfig.model_fields.items()
    assert [name for name, field in fields if field.annotation in {int, float}] == list(RANGES)


def advances(field: str, value: float) -> bool:
    """Whether chunks advance with this value and every other one its default."""
    times = {"chunk_duration": 3.0, "overlap_duration": 0.5, "processing_interval": 2.5, field: value}
    chunk, overlap = times["chunk_duration"], times["overlap_duration"]
    return overlap < chunk and times["processing_interval"] < chunk + overlap


@pytest.mark.parametrize("field", RANGES)
@given(data=st.data())
def test_a_range_holds_its_bounds_and_nothing_beyond(data: st.DataObject, field: str) -> None:
    least, most = RANGES[field]
    whole = AudioChunkingConfig.model_fields[field].annotation is int
    numbers: st.SearchStrategy[float] = st.integers(-2, int(most) * 2) if whole else st.floats(-most, 2 * most)
    value = data.draw(numbers | st.sampled_from([least, most]))
    values = read_values(Sources({f"AUDIO_CHUNKING_{field.upper()}": plain(value)}))
    assert (not values.invalid) == (least <= value <= most and advances(field, value))
