"""What bots need, made when first asked for: part of the composition root, like `wiring`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from console.clients import Clients

if TYPE_CHECKING:
    from backends.bots.actions import BotActions
    from backends.bots.cleaning import SessionCleanup
    from backends.bots.feed import Feed
    from backends.bots.managers.unified import UnifiedBotManager
    from backends.bots.probes import ServicesHealth
    from backends.bots.repository import BotSessionRepository
    from backends.bots.service import BotsService


class BotServices(Clients):
    """The services behind screen 5."""

    @cached_property
    def bots(self) -> BotsService:
        """Bot sessions."""
        from backends.bots.service import BotsService

        return BotsService(self.orchestration, self.bots_manager)

    @cached_property
    def bots_repository(self) -> BotSessionRepository:
        """Model A, row by row."""
        from backends.bots.repository import BotSessionRepository

        return BotSessionRepository(self.orchestration)

    @cached_property
    def bots_manager(self) -> UnifiedBotManager:
        """Bots that run, over the orchestration service."""
        from backends.bots.managers.api import ServiceApi
        from backends.bots.managers.unified import UnifiedBotManager

        api = ServiceApi(self.http, self.settings.own.orchestration_url)
        return UnifiedBotManager(api, lambda: self.bots_cleaning)

    @cached_property
    def bots_actions(self) -> BotActions:
        """What may be done to bots."""
        from backends.bots.actions import BotActions

        return BotActions(self.orchestration, self.bots_manager)

    @cached_property
    def bots_cleaning(self) -> SessionCleanup:
        """Clean-up of old sessions."""
        from backends.bots.cleaning import SessionCleanup

        return SessionCleanup(self.orchestration, lambda: self.bots_repository, self.settings.own.state)

    def bots_feed(self, session_id: str | None) -> Feed:
        """What tells of changes, in one session or in all."""
        from backends.bots.feed import Feed
        from backends.bots.socket import ServiceSocket

        url = self.settings.own.orchestration_url
        return Feed(self.orchestration, ServiceSocket(url, joined=session_id) if url else None, session_id)

    @cached_property
    def bots_health(self) -> ServicesHealth:
        """The services that bots need."""
        from backends.bots.probes import ServicesHealth

        own = self.settings.own
        urls = {
            "whisper": own.whisper_url,
            "translation": own.translation_url,
            "orchestration": own.orchestration_url,
        }
        return ServicesHealth(urls, self.http, self.orchestration, self.mongo)
