"""The services of the bot screens, over a database and an orchestration service of the test's choice."""

from __future__ import annotations

from backends.bots.actions import BotActions
from backends.bots.feed import Feed
from backends.bots.managers.api import ServiceApi
from backends.bots.managers.unified import UnifiedBotManager
from backends.bots.probes import ServicesHealth
from backends.bots.service import BotsService
from backends.bots.socket import ServiceSocket
from backends.clients.http import HttpClient
from backends.clients.postgres import PostgresClient
from screens.bot_control import BotDesk


def desk_of(
    client: PostgresClient, http: HttpClient, health: ServicesHealth, base: str = "", bots: BotsService | None = None
) -> BotDesk:
    """The desk, as the console makes it; base is the service's URL, "" for none."""
    manager = UnifiedBotManager(ServiceApi(http, base))

    def feed(session_id: str | None) -> Feed:
        return Feed(client, ServiceSocket(base, joined=session_id) if base else None, session_id)

    return BotDesk(bots or BotsService(client, manager), health, BotActions(client, manager), feed)
