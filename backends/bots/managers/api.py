"""The service's HTTP: spawn, active, status, terminate, restart, and extend where the service has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from backends.bots.managers.model import BotRequest, OverCapacity, RunningBot, ServiceRefused, ServiceView
from backends.bots.safe import shown, utc
from backends.clients.errors import BackendError, BadAnswer, NotConfigured, NotThere, OutcomeUnknown
from backends.clients.http import HttpClient, was_sent
from backends.safety.gate import Token
from backends.safety.url_secrets import mask_url
from backends.sampling.reading import utc_now

PATH: Final = "/api/bot"
ANSWER_S: Final = 10.0
"""Seconds that the service may take for an answer: a stop waits for the bot to leave."""

SPAWN_S: Final = 60.0
"""Seconds that it may take to start a bot, as long as it gives itself."""

FULL: Final = frozenset({429, 503})
_UNKNOWN: Final = "It may have been done all the same: look before asking again."
REFUSING: Final = frozenset({400, 403, 405, 409, 410, 412, 422, 501})


class ServiceApi:
    """One service. base is ORCHESTRATION_URL, "" where it is not set."""

    def __init__(self, http: HttpClient, base: str) -> None:
        self._http = http
        self._base = base.rstrip("/")

    @property
    def where(self) -> str:
        """The service, masked: what acts on it name as their target."""
        return mask_url(self._url(""))

    @property
    def configured(self) -> bool:
        """Whether there is a service to ask."""
        return bool(self._base)

    async def active(self) -> ServiceView:
        """The bots that run now. Raises BackendError."""
        answer = await self._get("/active")
        bots = answer.get("bots")
        if not isinstance(bots, list):
            raise BadAnswer("It told of no bots.", where=self.where)
        return ServiceView(utc_now(), tuple(_bot(each) for each in bots if isinstance(each, dict)))

    async def status(self, bot_id: str) -> str:
        """The service's word for a bot's status. Raises NotThere, BackendError."""
        return shown((await self._get(f"/{quote(bot_id, safe='')}/status")).get("status"))

    async def spawn(self, token: Token, request: BotRequest) -> RunningBot:
        """Asks for a bot. Raises OverCapacity, ServiceRefused, OutcomeUnknown, BackendError."""
        config = {"target_languages": list(request.languages), "meeting_title": request.title}
        body = {
            "meeting_id": request.meeting_id,
            "meeting_url": request.meeting_url,
            "bot_type": request.platform,
            "config": config,
        }
        bot = _bot(await self._post(token, "/spawn", body, SPAWN_S))
        if not bot.bot_id:
            raise OutcomeUnknown("It named no bot.", where=self.where)
        return bot

    async def terminate(self, token: Token, bot_id: str, expected: str, reason: str) -> str:
        """Asks to end a bot that is in the expected status; returns what the service said."""
        return await self._order(token, bot_id, "terminate", {"reason": reason, "expected_status": expected})

    async def restart(self, token: Token, bot_id: str, expected: str) -> str:
        """Asks to end a bot and to start another in its place; returns what the service said."""
        return await self._order(token, bot_id, "restart", {"expected_status": expected})

    async def extend(self, token: Token, bot_id: str, seconds: int) -> str:
        """Asks to let a session run that much longer; returns what the service said.

        Raises ServiceRefused where the service knows the bot, and no such order.
        """
        try:
            return await self._order(token, bot_id, "extend", {"seconds": seconds})
        except NotThere as error:
            word = await self.status(bot_id)  # raises where it is the bot that isn't there
            message = f"The service has no way to extend a session; its bot is {word}."
            raise ServiceRefused(message, where=self.where) from error

    async def _order(self, token: Token, bot_id: str, verb: str, body: Mapping[str, object]) -> str:
        answer = await self._post(token, f"/{quote(bot_id, safe='')}/{verb}", body)
        return shown(answer.get("message") or answer.get("status") or "done")

    async def _get(self, path: str) -> Mapping[str, Any]:
        return self._read(*await self._http.get(self._url(path), ANSWER_S))

    async def _post(
        self, token: Token, path: str, body: Mapping[str, object], answer_s: float | None = None
    ) -> Mapping[str, Any]:
        """Raises OutcomeUnknown where it was sent, and no answer, or none of any sense, says what was done."""
        token.require_target(self.where)
        try:
            status, text = await self._http.post(token, self._url(path), body, answer_s or ANSWER_S)
        except BackendError as error:
            if was_sent(error):
                raise OutcomeUnknown(error.message, where=error.where, hint=_UNKNOWN) from error
            raise
        try:
            return self._read(status, text)
        except BadAnswer as error:
            if status < 300 or status >= 500:
                raise OutcomeUnknown(error.message, where=error.where, hint=_UNKNOWN) from error
            raise

    def _url(self, path: str) -> str:
        if not self._base:
            raise NotConfigured("The orchestration service is not configured.", hint="Set ORCHESTRATION_URL.")
        return f"{self._base}{PATH}{path}"

    def _read(self, status: int, text: str) -> Mapping[str, Any]:
        answer, where = _object(text), self.where
        said = _said(answer) if answer is not None else ""
        if status in FULL:
            raise OverCapacity(said or "Every place is taken.", where=where, hint="Wait for one, or end a bot.")
        if status == 404:
            raise NotThere(said or "The service knows no such bot.", where=where, hint="Did it end meanwhile?")
        if status in REFUSING:
            raise ServiceRefused(said or f"It answered with HTTP {status}.", where=where, hint="Look again.")
        if answer is None or not 200 <= status < 300:
            what = f"HTTP {status}" + ("" if answer is not None else ", and it is no JSON object")
            raise BadAnswer(f"It answered with {what}{': ' if said else ''}{said}", where=where)
        return answer


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _said(answer: Mapping[str, Any]) -> str:
    """What an error's body says, in the few forms that frameworks have for it."""
    detail = answer.get("detail") or answer.get("message") or answer.get("error")
    if isinstance(detail, dict):
        detail = detail.get("message") or detail.get("detail")
    return shown(detail, 300)


def _bot(value: Mapping[str, Any]) -> RunningBot:
    return RunningBot(
        bot_id=shown(value.get("bot_id")),
        session_id=shown(value.get("session_id")),
        meeting_id=shown(value.get("meeting_id")),
        platform=shown(value.get("bot_type")),
        status=shown(value.get("status"), 50),
        created_at=_time(value.get("created_at")),
    )


def _time(value: object) -> datetime | None:
    """A time of the service, which writes some without a zone and means UTC."""
    try:
        return utc(datetime.fromisoformat(value)) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
