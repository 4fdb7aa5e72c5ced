"""Exports: every missing parent once, and nothing that a spreadsheet executes."""

import csv
import io
import json

import pytest

from backends.orphans import service as service_module
from backends.orphans.exports import FIELDS, FORMATS, Format, csv_line, write
from backends.orphans.service import OrphansService
from tests.nasty import NASTY
from tests.olorin import Platform
from tests.scanning import scan_now

FORMULAS = ["=cmd|'/C calc'!A0", "+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", '"=1', " =1", '=HYPERLINK("x")\n,=2']


@pytest.fixture
async def found(platform: Platform, service: OrphansService, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A scan over nasty parents, which are read three at a time."""
    monkeypatch.setattr(service_module, "EXPORTED", 3)
    values = sorted({*FORMULAS, *NASTY.values()} - {"", NASTY["lone surrogate"]})
    platform.olorin.integration_partners.insert_one({"partner_id": "acme"})
    platform.olorin.dubbing_sessions.insert_many([{"partner_id": each} for each in values])
    await scan_now(service)
    return [item.parent_id for item in (await service.missing(limit=1000)).items]


async def exported(service: OrphansService, format_: Format) -> str:
    out = io.StringIO(newline="")
    await write(format_, service.every_missing(), out)
    return out.getvalue()


async def test_csv_holds_every_parent_and_no_formula(found: list[str], service: OrphansService) -> None:
    head, *rows = csv.reader(io.StringIO(await exported(service, "csv"), newline=""))
    assert head == list(FIELDS)
    assert [row[2].removeprefix("'") for row in rows] == found
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.lstrip()[:1] in {"=", "+", "-", "@"}]


async def test_json_and_json_lines_say_the_same(found: list[str], service: OrphansService) -> None:
    whole = json.loads(await exported(service, "json"))
    lines = [json.loads(line) for line in (await exported(service, "jsonl")).splitlines()]
    assert whole == lines
    assert [each["parent_id"] for each in lines] == found
    assert list(lines[0]) == list(FIELDS)


@pytest.mark.parametrize("format_", FORMATS)
async def test_nothing_found_is_an_empty_file_of_its_kind(service: OrphansService, format_: Format) -> None:
    text = await exported(service, format_)
    assert {"csv": text == csv_line(FIELDS), "json": text == "[\n]\n", "jsonl": text == ""}[format_]
