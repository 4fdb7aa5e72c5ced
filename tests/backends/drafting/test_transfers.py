"""Files in and out: documents in three formats, bundles, the original's files in both shapes; and hostile ones."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docx
import pytest

from backends.drafting.bibles import Bibles, Lane, Source, Style
from backends.drafting.bundles import project_bundle
from backends.drafting.documents import Format
from backends.drafting.errors import NotAccepted
from backends.drafting.model import WORKSPACE_ID, Bay, Kind
from backends.drafting.samples import add_voice_sample
from backends.drafting.service import DraftingService
from backends.drafting.store import Store
from backends.drafting.story import changed_since_lock
from tests.backends.drafting.scripted import AT, project

Make = Callable[..., DraftingService]
FIXTURES = Path(__file__).parent / "fixtures"
JOINED = "نمی‌خواهم 👩‍🚀 ❤️ café\xa0!"


async def test_files_come_in_sanitised_and_go_out(make_service: Make, tmp_path: Path) -> None:
    transfers = make_service().transfers
    (tmp_path / "one.txt").write_bytes("\ufeffOne\r\ntwo\x1b[31m\rthree".encode())
    (tmp_path / "two.MD").write_text("# More")
    [first] = (await transfers.import_document(tmp_path / "one.txt", "Salt")).projects
    assert first.draft == "One\ntwo␛[31m\nthree"
    [more] = (await transfers.import_document(tmp_path / "two.MD", "Salt")).projects
    assert more.draft == "One\ntwo␛[31m\nthree\n\n# More"
    [replaced] = (await transfers.import_document(tmp_path / "two.MD", "Salt", replacing=True)).projects
    for form, expected in ((Format.MARKDOWN, "# Salt\n\n# More\n"), (Format.TEXT, "# More\n")):
        await transfers.export(replaced, form, tmp_path / "out")
        assert (tmp_path / "out").read_text() == expected


@pytest.mark.parametrize("form", list(Format))
async def test_joiners_survive_every_format(make_service: Make, tmp_path: Path, form: Format) -> None:
    transfers = make_service().transfers
    await transfers.export(project(1, draft=f"{JOINED}\nsecond line\n\nsecond"), form, tmp_path / f"out.{form.value}")
    [back] = (await transfers.import_document(tmp_path / f"out.{form.value}", "Back")).projects
    assert back.draft.strip().endswith(f"{JOINED}\nsecond line\n\nsecond")


async def test_a_word_document_keeps_headings_and_tables(make_service: Make, tmp_path: Path) -> None:
    document = docx.Document()
    document.add_heading("Storm", 1)
    document.add_paragraph("It rained.")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "wind", "9"
    document.save(str(tmp_path / "storm.docx"))
    [found] = (await make_service().transfers.import_document(tmp_path / "storm.docx", "Storm")).projects
    assert found.draft == "# Storm\n\nIt rained.\n\nwind | 9"


def archive(*parts: tuple[str, bytes]) -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in parts:
            opened.writestr(name, data)
    return stored.getvalue()


BAD = {
    "empty.txt": (b" \n", "is empty"),
    "empty.docx": (b"", "is empty"),
    "latin.txt": (b"caf\xe9", "not UTF-8"),
    "big.txt": (b"x" * (11 * 1024 * 1024), r"larger than 10,485,760 bytes \(MAX_UPLOAD_BYTES\)"),
    "big.docx": (b"x" * (11 * 1024 * 1024), "larger than"),
    "plain.docx": (b"It rained.", "not a zip archive"),
    "cut.docx": (archive(("word/document.xml", b"<w/>" * 100))[:-30], "not a zip archive"),
    "other.docx": (archive(("readme.txt", b"no word")), "is no .docx that can be read"),
    "bomb.docx": (archive(("word/document.xml", bytes(70 * 1024 * 1024))), "unpacks to 73,400,320 bytes"),
    "many.docx": (archive(*((f"{number}.xml", b"") for number in range(2_001))), "holds 2,001 files"),
    "song.mp3": (b"ID3", "only .txt, .md, .docx"),
    "missing.txt": (None, "can't be read"),
}


@pytest.mark.parametrize("name", BAD)
async def test_files_that_are_no_draft_are_refused(make_service: Make, tmp_path: Path, name: str) -> None:
    content, why = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    service = make_service()
    with pytest.raises(NotAccepted, match=why):
        await service.transfers.import_document(tmp_path / name, "Salt")
    assert (await service.load()).library.projects == ()


async def test_entities_in_a_word_document_reach_nothing(make_service: Make, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("hidden")
    document = docx.Document()
    document.add_paragraph("MARK")
    document.save(str(tmp_path / "good.docx"))
    parts = []
    with zipfile.ZipFile(tmp_path / "good.docx") as opened:
        for name in opened.namelist():
            data = opened.read(name)
            if name == "word/document.xml":
                entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]>'.encode()
                data = data.replace(b"<w:document", entity + b"<w:document", 1).replace(b"MARK", b"a&e;b")
            parts.append((name, data))
    (tmp_path / "evil.docx").write_bytes(archive(*parts))
    service = make_service()
    try:
        imported = await service.transfers.import_document(tmp_path / "evil.docx", "Salt")
    except NotAccepted:
        return
    assert "hidden" not in imported.projects[0].draft


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("cafÃ© â€œsaltâ€\x9d", "café “salt”"),
        ("‚úÖ done, ‚Äútwice‚Äù", "✅ done, “twice”"),
        ("cafÃƒÂ©", "café"),
        ("â€œMixed” é", "“Mixed” é"),
    ],
)
async def test_wrongly_decoded_text_is_found_and_repaired_when_asked(
    make_service: Make, tmp_path: Path, wrong: str, right: str
) -> None:
    (tmp_path / "wrong.txt").write_text(wrong)
    transfers = make_service().transfers
    offered = await transfers.import_document(tmp_path / "wrong.txt", "As it is")
    assert offered.repair is not None
    assert offered.repair.text == right
    assert offered.projects[0].draft != right
    taken = await transfers.import_document(tmp_path / "wrong.txt", "Repaired", repairing=True)
    assert taken.projects[0].draft == right


@pytest.mark.parametrize("text", ["café “salt” – naïve", "«CAFÉ» “É”", "日本 ✅ 👩‍🚀", "Ñandú €5 ½", "plain"])
async def test_what_was_decoded_rightly_is_left_alone(make_service: Make, tmp_path: Path, text: str) -> None:
    (tmp_path / "right.txt").write_text(text)
    imported = await make_service().transfers.import_document(tmp_path / "right.txt", "Salt")
    assert imported.repair is None
    assert imported.projects[0].draft == text


async def test_a_bundle_brings_all_of_a_project_and_never_overwrites(make_service: Make, tmp_path: Path) -> None:
    service = make_service()
    made = await service.create("Salt", JOINED)
    opened = await service.open(made.id)
    await service.save(opened, replace(made, bibles=Bibles(forced_lane=Lane.ACTION), ignored=("x",)))
    opened.close()
    kept = await service.find("Salt")
    await service.transfers.export_bundle(kept, tmp_path / "salt.json")
    await service.transfers.export_bundle(None, tmp_path / "library.json")
    [again] = (await service.transfers.import_bundle(tmp_path / "salt.json")).projects
    assert again.id != kept.id
    assert replace(again, id=kept.id) == kept
    assert len((await service.transfers.import_bundle(tmp_path / "library.json")).projects) == 1
    assert len((await service.load()).library.projects) == 3


def bundle(**changes: Any) -> bytes:
    return json.dumps({"bundle": "olorin project", "version": 2, "projects": [], "workspace": None, **changes}).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "neither a bundle nor a state file"),
        (bundle(version=9), "version 9 is not 2"),
        (bundle(projects={}), "projects is no list"),
        (bundle(projects=[{"id": "x"}]), "id is no id"),
        (bundle(projects=[{"id": str(project().id)}]), "title is missing"),
        (b'{"meta": {"type": "project_bundle"}, "project": {"draft": 7}}', "draft is int where a text belongs"),
        (b'{"meta": {"type": "project_bundle"}, "project": []}', "project is no object"),
        (b'{"meta": {"type": "library_bundle"}, "projects": 7}', "projects is neither object nor list"),
        (
            b'{"meta": {"type": "project_bundle"}, "project": {"voice_bible": {"lock_intensity": 2}}}',
            "lock_intensity is not from 0 to 1",
        ),
        (
            json.dumps({"meta": {"type": "project_bundle"}, "project": {"draft": "x" * 2_001}}).encode(),
            "draft has 2,001 characters; at most 2,000",
        ),
    ],
)
async def test_a_bundle_that_is_wrong_names_the_field_and_adds_nothing(
    make_service: Make, tmp_path: Path, data: bytes, why: str
) -> None:
    (tmp_path / "wrong.json").write_bytes(data)
    service = make_service(draft_characters=2_000)
    with pytest.raises(NotAccepted, match=why):
        await service.transfers.import_bundle(tmp_path / "wrong.json")
    assert (await service.load()).library.projects == ()


@pytest.mark.parametrize("name", ["olivetti_state.json", "olivetti_state.json.bak1", "library_bundle.json"])
async def test_the_applications_files_come_in_whole(
    make_service: Make, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service()
    imported = await service.transfers.import_bundle(FIXTURES / name)
    first, second = imported.projects
    assert (first.title, first.bay, first.draft) == ("Harbour lights", Bay.ROUGH, "The keeper counted the lamps.")
    assert first.created_at == datetime(2026, 1, 2, 3, 4, 5).astimezone(UTC)
    assert (first.story_bible.synopsis, first.story_bible.outline) == ("A keeper drowns.", "1. Storm.")
    assert (first.binding.source, first.binding.source_id, first.binding.locked) == (
        Source.WORKSPACE,
        "aa11bb22cc33",
        True,
    )
    assert not changed_since_lock(first)
    voice = first.bibles.voice
    assert (voice.writing_style, voice.trained_voice, voice.lock_on) == (Style.LYRICAL, "Voice A", True)
    assert (voice.voice_lock_prompt, voice.pov.value, voice.style_intensity) == ("No adverbs.", "First", 0.5)
    assert first.intensity == 0.6
    assert first.bibles.forced_lane is Lane.DIALOGUE
    voice_a = first.bibles.find_voice("Voice A")
    assert voice_a is not None
    assert [each.text for each in voice_a.of(Lane.DIALOGUE)] == ["“You saw it too,” she said."]
    bank = first.bibles.bank(Style.LYRICAL)
    assert bank is not None
    assert len(bank.samples) == 1
    assert (second.title, second.bibles.voice.trained_voice, second.bibles.banks) == ("Second", "", ())
    workspace = (await service.load()).library.workspace
    assert workspace is not None
    assert (workspace.kind, workspace.draft, workspace.bibles.voice.voice_sample) == (Kind.WORKSPACE, "Loose.", "Mine.")


async def test_the_modules_shape_comes_in_whole_and_says_what_has_no_place(make_service: Make) -> None:
    service = make_service()
    imported = await service.transfers.import_bundle(FIXTURES / "modules_state.json")
    [found] = imported.projects
    assert (found.title, found.bay, found.draft) == ("Modules", Bay.EDIT, "It rained.")
    assert found.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ana, noir = found.bibles.find_voice("Ana"), found.bibles.find_voice("My noir")
    assert ana is not None
    assert noir is not None
    assert [(each.lane, each.text) for each in ana.samples] == [(Lane.ACTION, "He ran.")]
    assert [each.text for each in noir.samples] == ["Smoke."]
    assert found.bibles.bank(Style.EMOTIONAL) is not None
    assert found.bibles.voice.writing_style is Style.NEUTRAL
    assert any("My noir" in note for note in imported.notes)
    assert any("SPARSE" in note for note in imported.notes)


async def test_samples_of_the_original_are_made_to_fit(make_service: Make, tmp_path: Path) -> None:
    lanes = {"lanes": {"Action": [{"text": "He ran. " * 2_500}, {"text": "Ran."}]}}
    record = {"title": "Long", "voices": {"Ana": lanes}, "style_banks": {"LYRICAL": lanes}}
    path = tmp_path / "long.json"
    path.write_text(json.dumps({"meta": {"type": "project_bundle"}, "project": record}))
    imported = await make_service().transfers.import_bundle(path)
    [ana], [bank] = imported.projects[0].bibles.voices, imported.projects[0].bibles.banks
    assert [len(each.text) // 100 for each in ana.samples] == [66, 66, 66, 0]
    assert " ".join(each.text for each in ana.samples[:3]) == ("He ran. " * 2_500).strip()
    assert len(bank.samples) == 3
    assert imported.notes == ("“LYRICAL”: 1 samples under 40 characters were left out.",)


async def test_the_own_workspace_is_kept_where_it_holds_anything(make_service: Make) -> None:
    service = make_service()
    workspace = (await service.load()).library.workspace
    assert workspace is not None
    opened = await service.open(workspace.id)
    await service.save(opened, replace(workspace, draft="My own."))
    opened.close()
    imported = await service.transfers.import_bundle(FIXTURES / "olivetti_state.json")
    kept = (await service.load()).library.workspace
    assert kept is not None
    assert kept.draft == "My own."
    assert any("left out" in note for note in imported.notes)
    assert kept.updated_at > AT


def record(**changes: Any) -> dict[str, Any]:
    """A project as a bundle holds it."""
    return {**json.loads(project_bundle(project(7, draft="Theirs."), AT))["projects"][0], **changes}


def held(voices: Sequence[str] = (), banks: Sequence[str] = ()) -> dict[str, Any]:
    """A project with these samples, all of Action."""
    at = {"created_at": AT.isoformat()}
    samples = [
        [{"lane": "Action", "text": each, "added_at": AT.isoformat()} for each in texts] for texts in (voices, banks)
    ]
    voice, bank = {"name": "Ana", **at, "samples": samples[0]}, {"style": "LYRICAL", **at, "samples": samples[1]}
    return record(bibles={"voices": [voice], "banks": [bank]})


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (bundle(projects=[record(kind="workspace")]), "a project is the workspace"),
        (bundle(projects=[record(id=str(WORKSPACE_ID))]), "a project is the workspace"),
        (bundle(workspace=record()), "the workspace is none"),
        (bundle(workspace=record(kind="workspace")), "the workspace is none"),
        (bundle(projects=[held(voices=["x"] * 61)]), "voice Ana has 61 samples in Action; at most 60"),
        (bundle(projects=[held(voices=["x" * 9_001])]), "a sample of voice Ana has 9,001 characters; at most 9,000"),
        (bundle(projects=[held(banks=["x" * 40] * 251)]), "style LYRICAL has 251 samples in Action; at most 250"),
        (bundle(projects=[held(banks=["x"])]), "a sample of style LYRICAL has 1 characters; at least 40"),
        (bundle(projects=[record(story_bible={"world": "w" * 20_001})]), "section world has 20,001 characters"),
        (bundle(projects=[record(title="t" * 121)]), "title has 121 characters; at most 120"),
        (bundle(projects=[record(incident={"items": [{"source": "x", "text": "y" * 2_001}]})]), "evidence has 2,001"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_bundle_that_is_not_as_projects_are_kept_is_refused(
    make_service: Make, tmp_path: Path, wrong: bytes, why: str
) -> None:
    (tmp_path / "wrong.json").write_bytes(wrong)
    service = make_service()
    await service.create("Salt", "Mine.")
    with pytest.raises(NotAccepted, match=why):
        await service.transfers.import_bundle(tmp_path / "wrong.json")
    assert [each.draft for each in Store(tmp_path / "drafting").load().library.projects] == ["Mine."]


async def test_two_projects_of_one_id_both_come_in(make_service: Make, tmp_path: Path) -> None:
    twice = bundle(projects=[record(title="One"), record(title="Two")])
    (tmp_path / "twice.json").write_bytes(twice)
    service = make_service()
    added = (await service.transfers.import_bundle(tmp_path / "twice.json")).projects
    kept = (await service.load()).library.projects
    assert [each.title for each in kept] == ["One", "Two"]
    assert kept == added


@pytest.mark.parametrize("own", ["draft", "sample", "open elsewhere", "blank"])
async def test_a_bundle_of_the_workspace_takes_a_blank_ones_place_only(
    make_service: Make, tmp_path: Path, own: str
) -> None:
    service = make_service()
    workspace = (await service.load()).library.workspace
    assert workspace is not None
    await service.transfers.export_bundle(replace(workspace, draft="Theirs."), tmp_path / "workspace.json")
    opened = await service.open(workspace.id)
    if own == "draft":
        await service.save(opened, replace(workspace, draft="Mine."))
    elif own == "sample":
        bibles = add_voice_sample(workspace.bibles, "Voice A", "My voice.", AT)
        await service.save(opened, replace(workspace, bibles=bibles))
    if own != "open elsewhere":
        opened.close()
    imported = await service.transfers.import_bundle(tmp_path / "workspace.json")
    kept = (await service.load()).library.workspace
    assert kept is not None
    assert (kept.draft == "Theirs.", bool(imported.notes)) == (own == "blank", own != "blank")
    opened.close()
