"""The model endpoint through the official client, and the health of the three services."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import openai
import pytest
from openai import AsyncOpenAI


@pytest.fixture
async def client(demo_env: dict[str, str]) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        api_key=demo_env["OPENAI_API_KEY"], base_url=demo_env["OPENAI_BASE_URL"], max_retries=0, timeout=10
    ) as client:
        yield client


async def whole(client: AsyncOpenAI, prompt: str) -> str:
    answer = await client.chat.completions.create(model="olorin-demo", messages=[{"role": "user", "content": prompt}])
    return answer.choices[0].message.content or ""


async def streamed(client: AsyncOpenAI, model: str) -> list[str]:
    stream = await client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "lighthouse keeper"}], stream=True
    )
    return [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]


async def test_a_whole_answer_is_honest_and_counted(client: AsyncOpenAI, demo_env: dict[str, str]) -> None:
    answer = await client.chat.completions.create(
        model=demo_env["OPENAI_MODEL"], messages=[{"role": "user", "content": "the lighthouse keeper of Jaffa"}]
    )
    text = answer.choices[0].message.content or ""
    assert "no language model" in text
    assert any(word in text for word in ("lighthouse", "keeper", "Jaffa"))
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


async def test_a_streamed_answer_comes_in_pieces_and_ends_with_its_usage(
    client: AsyncOpenAI, demo_env: dict[str, str]
) -> None:
    stream = await client.chat.completions.create(
        model=demo_env["OPENAI_MODEL"],
        messages=[{"role": "user", "content": "the lighthouse keeper of Jaffa"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert len(chunks) > 20
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []
    assert chunks[-2].choices[0].finish_reason == "stop"


async def test_different_prompts_give_different_texts_and_the_same_the_same(client: AsyncOpenAI) -> None:
    first, second = await whole(client, "lighthouse and winter"), await whole(client, "salt and harbour")
    assert first != second
    assert first == await whole(client, "lighthouse and winter")


async def test_a_limit_cuts_the_answer_and_says_so(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="olorin-demo", messages=[{"role": "user", "content": "x"}], max_completion_tokens=4
    )
    assert answer.choices[0].finish_reason == "length"


async def test_embeddings_are_unit_vectors_that_repeat(client: AsyncOpenAI) -> None:
    found = await client.embeddings.create(model="text-embedding-3-small", input=["shalom", "shalom", "salt"])
    first, again, other = (entry.embedding for entry in found.data)
    assert len(first) == 1536
    assert first == again
    assert first != other
    assert sum(number * number for number in first) == pytest.approx(1, abs=1e-5)
    plain = await client.embeddings.create(model="text-embedding-3-small", input="shalom", encoding_format="float")
    assert plain.data[0].embedding == pytest.approx(first, abs=1e-6)


async def test_a_wrong_key_is_refused_in_openai_s_words(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as refusal:
        await client.with_options(api_key="sk-wrong").models.list()
    assert refusal.value.code == "invalid_api_key"


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("fault-401", openai.AuthenticationError),
        ("fault-429", openai.RateLimitError),
        ("fault-quota", openai.RateLimitError),
        ("fault-500", openai.InternalServerError),
    ],
)
async def test_faults_that_refuse(client: AsyncOpenAI, model: str, kind: type[openai.APIStatusError]) -> None:
    with pytest.raises(kind) as refusal:
        await streamed(client, model)
    if model == "fault-429":
        assert refusal.value.response.headers["retry-after"] == "1"


async def test_a_stream_that_is_cut(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="fault-cut", messages=[{"role": "user", "content": "x"}], stream=True
    )
    seen: list[str | None] = []

    async def read() -> None:
        async for chunk in stream:
            seen.append(chunk.choices[0].delta.content)

    with pytest.raises((openai.APIConnectionError, httpx.RemoteProtocolError)):
        await read()
    assert len(seen) == 6  # the role, then five pieces


async def test_an_endless_stream_goes_on_beyond_its_limit(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="fault-endless", messages=[{"role": "user", "content": "x"}], stream=True, max_completion_tokens=3
    )
    seen = 0
    async for _ in stream:
        seen += 1
        if seen > 20:
            break
    assert seen > 20
    await stream.close()


async def test_an_empty_stream(client: AsyncOpenAI) -> None:
    assert "".join(await streamed(client, "fault-empty")) == ""


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"messages": 3, "model": "x"}'])
async def test_a_malformed_request_is_a_400(demo_env: dict[str, str], body: bytes) -> None:
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {demo_env['OPENAI_API_KEY']}"}) as client:
        answer = await client.post(f"{demo_env['OPENAI_BASE_URL']}/chat/completions", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("variable", "path"),
    [("WHISPER_URL", "/health"), ("TRANSLATION_URL", "/api/health"), ("ORCHESTRATION_URL", "/api/system/health")],
)
async def test_health_of_the_services(demo_env: dict[str, str], variable: str, path: str) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(demo_env[variable] + path)
    assert (answer.status_code, answer.json()["status"]) == (200, "healthy")
