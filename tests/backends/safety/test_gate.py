"""The gate: who passes, what is recorded, and that a token is worth nothing anywhere else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backends.clients.errors import AuditFailed, Refused
from backends.safety.arming import ARMED_S, Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Act, Consent, Gate, Token

ACT = Act("runs.pause", "mongodb://ops:hunter22@db database bayit_plus", {"pace": 2}, plan="p1", run_id="r1")
FLAG = Consent("command", explicit=True)
KEY = Consent("screen", explicit=True)


def entries(trail: AuditTrail) -> list[Mapping[str, Any]]:
    chain = trail.read()
    assert chain.whole
    return list(chain.entries)


async def test_an_act_is_recorded_before_it_happens_and_after(gate: Gate, trail: AuditTrail) -> None:
    async with gate.act(ACT, FLAG) as token:
        token.require("runs.pause", ACT.target)
        (intent,) = entries(trail)
        token.outcome(batches=3)
    assert (intent["step"], intent["action"], intent["plan"], intent["run_id"]) == ("intent", "runs.pause", "p1", "r1")
    assert (intent["details"], intent["profile"], intent["environment"]) == ({"pace": 2}, "demo", "development")
    assert intent["pid"] == os.getpid()
    assert "hunter22" not in str(intent)
    outcome = entries(trail)[1]
    assert (outcome["id"], outcome["outcome"], outcome["counts"]) == (intent["id"], "done", {"batches": 3})


async def test_a_token_is_for_its_act_its_target_and_its_block_only(gate: Gate) -> None:
    async with gate.act(ACT, FLAG) as token:
        for name, target in (("runs.stop", None), ("runs.pause", "mongodb://other"), ("runs.stop", ACT.target)):
            with pytest.raises(Refused):
                token.require(name, target)
    with pytest.raises(Refused, match="over"):
        token.require("runs.pause")
    async with gate.act(ACT, FLAG, lifetime_s=-1) as expired:
        with pytest.raises(Refused, match="expired"):
            expired.require("runs.pause")


def test_nobody_else_makes_a_token() -> None:
    with pytest.raises(TypeError):
        Token(object(), ACT, None)


async def test_without_the_flag_or_arming_nothing_passes_and_that_is_recorded(gate: Gate, trail: AuditTrail) -> None:
    for consent in (Consent("command", explicit=False), Consent("screen", explicit=False), KEY):
        with pytest.raises(Refused):
            async with gate.act(ACT, consent):
                pytest.fail("it passed")
    assert [each["outcome"] for each in entries(trail)[1::2]] == ["refused"] * 3
    gate.arming.arm()
    async with gate.act(ACT, KEY):
        gate.arming.disarm()
    with pytest.raises(Refused, match="read-only"):
        await gate.act(ACT, KEY).__aenter__()


@pytest.mark.parametrize("by", ["screen", "command"])
async def test_production_asks_for_its_name(production: Gate, by: Any) -> None:
    for typed in ("", "prod", "Production", "production "):
        with pytest.raises(Refused, match="production"):
            async with production.act(ACT, Consent(by, True, typed)):
                pytest.fail("it passed")
    async with production.act(ACT, Consent(by, True, "production")) as token:
        token.require("runs.pause")


async def test_what_fails_is_recorded_as_failed(gate: Gate, trail: AuditTrail) -> None:
    async def fail() -> None:
        async with gate.act(ACT, FLAG) as token:
            token.outcome(moved=7)
            raise ValueError("mongodb://ops:hunter22@db broke")

    with pytest.raises(ValueError, match="hunter22"):
        await fail()
    outcome = entries(trail)[-1]
    assert (outcome["outcome"], outcome["counts"]) == ("failed", {"moved": 7})
    assert outcome["why"] == "mongodb://ops:••••@db broke"


async def test_what_is_cancelled_is_recorded_as_cancelled(gate: Gate, trail: AuditTrail) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with gate.act(ACT, FLAG):
            begun.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert entries(trail)[-1]["outcome"] == "cancelled"


async def test_no_audit_no_action(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    gate = Gate(AuditTrail(tmp_path / "state"), this_author("p", "development", "olorin"), Arming(), production=False)
    with pytest.raises(AuditFailed) as caught:
        async with gate.act(ACT, FLAG):
            pytest.fail("it passed")
    assert "Nothing was changed" in caught.value.hint
    assert str(tmp_path / "state") in caught.value.where


async def test_an_outcome_that_cant_be_recorded_is_said(
    gate: Gate, trail: AuditTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with pytest.raises(AuditFailed, match="No space left") as caught:
        async with gate.act(ACT, FLAG):
            monkeypatch.setattr(os, "pwrite", full)
    assert "The change was made" in caught.value.hint
    monkeypatch.undo()
    assert [each["step"] for each in entries(trail)] == ["intent"]


def test_arming_lasts_ten_minutes() -> None:
    now = 50.0
    arming = Arming(clock=lambda: now)
    assert not arming.armed
    arming.arm()
    assert (arming.armed, arming.left_s) == (True, ARMED_S)
    now += ARMED_S
    assert (arming.armed, arming.left_s) == (False, 0)
    assert Arming(allowed=True).armed
