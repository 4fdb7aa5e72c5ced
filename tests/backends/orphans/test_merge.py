"""The merge against a naive reference over random children and parents, in lists of random lengths."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime

import pytest
from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from backends.clients.errors import BackendError, BadAnswer, CannotConnect
from backends.orphans import merge as merging
from backends.orphans.merge import Found, KeyList, Merge, OrderedParents
from backends.orphans.model import ParentState
from tests.backends.orphans.naive import expected

DELETED = datetime(2026, 1, 1, tzinfo=UTC)
IDS = [ObjectId(f"{number:024x}") for number in (0, 1, 2, 0xA, 0xAB, 0xFF, 2**95, 2**96 - 1)]
SLUGS = ["a", "A", "partner-1", "partner-10", "partner-2", "é", "\U0001f600", "z"]

ids = st.sampled_from(IDS)
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.floats(allow_nan=False, width=16),
    st.text(max_size=3),
    st.lists(st.text(max_size=2), max_size=2),
    st.dictionaries(st.sampled_from(["$gt", "a"]), st.text(max_size=2), max_size=1),
    ids,
    ids.map(lambda each: str(each).upper()),
    ids.map(lambda each: str(each)[:23]),
)
references = st.lists(st.one_of(ids.map(str), odd), max_size=40)
slug_references = st.lists(st.one_of(st.sampled_from(SLUGS), odd), max_size=40)
marks = st.sampled_from([None, DELETED])
sizes = st.lists(st.integers(1, 7), min_size=1, max_size=5)


def ordered(values: Iterable[object], positions: Sequence[int]) -> list[object]:
    """The texts in order, as an index gives them, with everything else strewn among them."""
    texts: list[object] = [*sorted(value for value in values if type(value) is str)]
    others = [value for value in values if type(value) is not str]
    for place, value in enumerate(others):
        texts.insert(positions[place % len(positions)] % (len(texts) + 1), value)
    return texts


async def lists_of(keys: Sequence[object], marks: Sequence[object], sizes: Sequence[int]) -> AsyncIterator[KeyList]:
    start = turn = 0
    while start < len(keys):
        end = start + sizes[turn % len(sizes)]
        yield KeyList(list(keys[start:end]), [mark or True for mark in marks[start:end]])  # type: ignore[misc]
        start, turn = end, turn + 1


async def merged(
    children: Sequence[object], parents: dict[object, object], by_object_id: bool, required: bool, sizes: Sequence[int]
) -> tuple[Merge, list[Found]]:
    keys = sorted(parents, key=lambda key: (type(key) is ObjectId, str(key)))
    marked = [key for key in keys if parents[key] is not None]
    every = OrderedParents("parents", lists_of(keys, [None] * len(keys), sizes), by_object_id)
    some = OrderedParents("parents", lists_of(marked, [parents[key] for key in marked], sizes[::-1]), by_object_id)
    merge = Merge(every, some, ParentState.SOFT_DELETED, by_object_id, required)
    found: list[Found] = []
    async for part in lists_of(children, children, sizes):
        found += await merge.judge(part.keys)
    await merge.finish()
    return merge, found


def counted(found: Iterable[Found], parents: dict[object, object]) -> Counter[tuple[str, str, str]]:
    """The findings as the naive reference counts them; ids in other spellings looked up here."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for each in found:
        if each.state is None:
            state = "gone" if (key := ObjectId(each.parent)) not in parents else "soft-deleted" if parents[key] else ""
        else:
            state = each.state.value
        if state:
            counts[each.value, each.type, state] += each.documents
    return counts


@given(
    references, st.dictionaries(ids, marks, min_size=1), sizes, st.lists(st.integers(0, 50), min_size=1), st.booleans()
)
def test_references_by_object_id(
    children: list[object], parents: dict[object, object], sizes: list[int], positions: list[int], required: bool
) -> None:
    merge, found = asyncio.run(merged(ordered(children, positions), parents, True, required, sizes))
    assert counted(found, parents) == expected(children, parents, "soft-deleted", True, required)
    assert (merge.documents, merge.parents.read) == (len(children), len(parents))
    assert merge.unset == (0 if required else children.count(None))


@given(slug_references, st.dictionaries(st.sampled_from(SLUGS), marks, min_size=1), sizes, st.booleans())
def test_references_by_slug(
    children: list[object], parents: dict[object, object], sizes: list[int], required: bool
) -> None:
    _, found = asyncio.run(merged(ordered(children, [3]), parents, False, required, sizes))
    assert counted(found, parents) == expected(children, parents, "soft-deleted", False, required)


def test_a_parent_with_a_text_for_its_id_has_children() -> None:
    parents: dict[object, object] = {"intro": None, "f" * 24: None, IDS[1]: None}
    children = ordered([str(IDS[1]), "intro", "f" * 24, "other"], [0])
    _, found = asyncio.run(merged(children, parents, True, True, [2]))
    assert [(each.value, each.state) for each in found] == [("other", ParentState.MALFORMED)]


def test_the_time_of_a_mark_is_kept() -> None:
    _, found = asyncio.run(merged([str(IDS[1])], {IDS[1]: DELETED}, True, True, [1]))
    assert [(each.state, each.at) for each in found] == [(ParentState.SOFT_DELETED, DELETED)]


@pytest.mark.parametrize("failing_list", [0, 1, 2])
def test_parents_that_cannot_be_read_to_the_end_are_an_error(failing_list: int) -> None:
    async def failing() -> AsyncIterator[KeyList]:
        for number, key in enumerate(IDS[:3]):
            if number == failing_list:
                raise CannotConnect("gone")
            yield KeyList([key], [True])

    async def run() -> None:
        merge = Merge(
            OrderedParents("parents", failing(), True),
            OrderedParents("parents", lists_of([], [], [1]), True),
            ParentState.SOFT_DELETED,
            by_object_id=True,
            required=True,
        )
        await merge.judge([str(IDS[0])])
        await merge.finish()

    with pytest.raises(CannotConnect):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("children", "keys"),
    [
        ([str(IDS[2]), str(IDS[1])], IDS),
        ([str(IDS[6])], [IDS[2], IDS[1]]),
        ([str(IDS[6])], [IDS[1], IDS[3], IDS[2], IDS[7]]),
    ],
    ids=["children", "parents in one list", "parents in two lists"],
)
def test_a_side_out_of_order_is_an_error(children: list[str], keys: list[ObjectId]) -> None:
    async def run() -> None:
        merge = Merge(
            OrderedParents("parents", lists_of(keys, keys, [2]), True),
            OrderedParents("parents", lists_of([], [], [1]), True),
            ParentState.SOFT_DELETED,
            by_object_id=True,
            required=True,
        )
        await merge.judge(children)

    with pytest.raises(BadAnswer, match="in order"):
        asyncio.run(run())


@pytest.mark.parametrize(("by_object_id", "keys"), [(True, ["a", "b"]), (False, [1, 2])])
def test_parents_that_no_reference_can_name_are_an_error(by_object_id: bool, keys: list[object]) -> None:
    with pytest.raises(BadAnswer, match="right collection"):
        asyncio.run(merged(["c"], dict.fromkeys(keys), by_object_id, True, [1]))


def test_very_many_texts_for_ids_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "STRING_KEYS_LIMIT", 2)
    with pytest.raises(BackendError, match="More than 2"):
        asyncio.run(merged([], {"a": None, "b": None, "c": None, IDS[0]: None}, True, True, [1]))
