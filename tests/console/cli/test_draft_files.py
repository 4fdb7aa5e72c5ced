"""`olorin draft import`, `export`, `restore`, `stats` and `incident`, as scripts use them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import docx
import pytest

from backends.drafting.store import Store
from tests.backends.drafting.scripted import Endpoint, running_endpoint, whole
from tests.console.cli.drafting import Olorin, command, environment

FIXTURES = Path(__file__).parents[2] / "backends/drafting/fixtures"


@pytest.fixture
async def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Endpoint]:
    async with running_endpoint() as served:
        environment(monkeypatch, tmp_path, served.url)
        yield served


@pytest.fixture
def olorin(endpoint: Endpoint, capfd: pytest.CaptureFixture[str]) -> Olorin:
    """Runs `olorin draft` on an empty state folder."""
    return command(capfd)


def titles(tmp_path: Path) -> list[str]:
    return [each.title for each in Store(tmp_path / "state/drafting").load().library.projects]


async def test_a_word_document_comes_in_and_leaves(olorin: Olorin, tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("It rained 👩‍🚀.")
    document.save(str(tmp_path / "rain.docx"))
    assert (await olorin("import", tmp_path / "rain.docx", "--project", "Rain")).code == 0
    for form in ("txt", "md", "docx"):
        out = tmp_path / f"out.{form}"
        ended = await olorin("export", "--project", "Rain", "--format", form, "--out", out, "--json")
        assert ended.json == {"project": "Rain", "format": form, "file": str(out)}
    assert (tmp_path / "out.txt").read_text() == "It rained 👩‍🚀.\n"
    assert [each.text for each in docx.Document(str(tmp_path / "out.docx")).paragraphs] == ["Rain", "It rained 👩‍🚀."]


async def test_wrongly_decoded_text_is_said_and_repaired_on_demand(olorin: Olorin, tmp_path: Path) -> None:
    (tmp_path / "wrong.txt").write_text("cafÃ©")
    ended = await olorin("import", tmp_path / "wrong.txt", "--project", "Wrong")
    assert "looks wrongly decoded in 1 places" in ended.err
    assert (await olorin("import", tmp_path / "wrong.txt", "--project", "Wrong", "--replace", "--repair")).code == 0
    assert Store(tmp_path / "state/drafting").load().library.projects[0].draft == "café"


async def test_bundles_and_the_originals_files_come_in_without_a_name(olorin: Olorin, tmp_path: Path) -> None:
    ended = await olorin("import", FIXTURES / "olivetti_state.json.bak1", "--json")
    assert [each["title"] for each in ended.json["projects"]] == ["Harbour lights", "Second"]
    library = tmp_path / "library.json"
    assert (await olorin("export", "--format", "bundle", "--out", library)).code == 0
    one = tmp_path / "one.json"
    assert (await olorin("export", "--project", "Second", "--format", "bundle", "--out", one)).code == 0
    assert (await olorin("import", library)).code == 0
    assert titles(tmp_path) == ["Harbour lights", "Second"] * 2
    assert len(json.loads(one.read_text())["projects"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [("import", "draft.txt"), ("export", "--out", "x"), ("restore", "--from", "1"), ("import", "missing.json")],
    ids=" ".join,
)
async def test_wrong_use_is_4(olorin: Olorin, arguments: tuple[str, ...]) -> None:
    assert (await olorin(*arguments)).code == 4


async def test_a_project_is_brought_back_from_a_backup(olorin: Olorin, tmp_path: Path) -> None:
    for draft in ("One.", "Two.", "Three."):
        (tmp_path / "draft.txt").write_text(draft)
        await olorin("import", tmp_path / "draft.txt", "--project", "Salt", "--replace")
    listed = (await olorin("restore", "--json")).json["backups"]
    assert [(each["number"], each["words"], each["problem"]) for each in listed] == [(1, 1, ""), (2, 1, "")]
    assert (await olorin("restore", "--from", "2", "--project", "Salt")).code == 0
    assert Store(tmp_path / "state/drafting").load().library.projects[0].draft == "One."
    assert (await olorin("restore", "--from", "5", "--project", "Salt")).code == 4
    (tmp_path / "state/drafting/state.json.bak3").write_bytes(b"{")
    assert "damaged" in (await olorin("restore")).out


async def test_stats_are_figures_without_text(olorin: Olorin, endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.script = [whole("It rained all night.")]
    (tmp_path / "draft.txt").write_text("He waited.")
    await olorin("import", tmp_path / "draft.txt", "--project", "Salt")
    await olorin("run", "write", "--project", "Salt", "--apply")
    ended = await olorin("stats", "--json", "--out", tmp_path / "stats.json")
    found = ended.json
    assert (found["monitor"]["ai_calls"], found["monitor"]["autosaves"]) == (1, 2)
    assert found["writing"]["actions_by_type"] == {"write": 1}
    assert found["projects"][0]["word_count"] == 6
    assert [each["type"] for each in found["events"]] == ["autosave", "create", "import", "write", "autosave"]
    assert "waited" not in ended.out
    assert json.loads((tmp_path / "stats.json").read_text())["monitor"] == found["monitor"]
    assert "slow_calls" in (await olorin("stats")).out


async def test_a_tools_answer_is_cut_where_it_is_too_long(olorin: Olorin, endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.script = [whole("x" * 13_000)]
    (tmp_path / "draft.txt").write_text("He waited.")
    await olorin("import", tmp_path / "draft.txt", "--project", "Salt")
    assert len((await olorin("run", "synonym", "--project", "Salt", "--json")).json["text"]) == 12_000


async def test_an_incident_collects_evidence_and_leaves_marked(
    olorin: Olorin, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "Nothing is known [1]. 98765 users left [1]."
    endpoint.script = [whole(said)]
    collected = (await olorin("incident", "--project", "Pools", "--template", "hand-over", "--json")).json
    assert (collected["project"], collected["template"]) == ("Pools", "hand-over")
    assert [each["n"] for each in collected["items"]] == list(range(1, len(collected["items"]) + 1))
    assert {"alerts", "gauges", "sessions"} <= {each["source"] for each in collected["items"]}
    out = tmp_path / "update.txt"
    ended = await olorin("run", "write", "--project", "Pools", "--apply", "--out", out, "--json")
    assert ended.json["text"] == out.read_text() == f"[DRAFT - NOT REVIEWED]\n\n{said}"
    problems = ["98765 is in no item"]
    assert ended.json["uncovered"] == [{"text": "98765 users left [1].", "cites": [1], "problems": problems}]
    assert "not covered: 98765 is in no item: 98765 users left [1]." in ended.err
    assert Store(tmp_path / "state/drafting").load().library.projects[0].draft == said
    exported = await olorin("export", "--project", "Pools", "--format", "md", "--out", tmp_path / "pools.md")
    assert "nobody has marked this draft as reviewed" in exported.err
    monkeypatch.delenv("OPENAI_API_KEY")
    plain = await olorin("run", "write", "--project", "Pools", "--json")
    assert plain.code == 0
    assert (plain.json["model"], plain.json["attempts"]) == ("no model: plain template", 0)


async def test_a_prose_project_is_no_incident(olorin: Olorin, tmp_path: Path) -> None:
    (tmp_path / "draft.txt").write_text("He waited.")
    await olorin("import", tmp_path / "draft.txt", "--project", "Salt")
    assert (await olorin("incident", "--project", "Salt")).code == 4


async def test_a_folder_that_cannot_be_used_is_said(
    olorin: Olorin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OLORIN_CONSOLE_STATE", str(tmp_path / "file/state"))
    for arguments in (("projects",), ("stats",), ("run", "write", "--project", "Salt")):
        ended = await olorin(*arguments)
        assert ended.code == 3
        assert "Check the state folder's permissions and free space." in ended.err
