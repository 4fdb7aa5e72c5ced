"""How each screen is made, from its key: imported and built when it is first opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from textual.screen import Screen

from screens.frame import Frame

if TYPE_CHECKING:
    from console.wiring import Services

Factory = Callable[[Frame], Screen[Any]]

SCREEN_MODULES: Final = tuple(
    f"screens.{name}" for name in ("config", "pools", "migrations", "orphans", "bots", "drafting")
)
"""What the factories import; imported ahead, a screen's first key waits for nothing but its own drawing."""


def screen_factories(services: Services) -> dict[str, Factory]:
    """Key → what makes the screen."""

    def overview(frame: Frame) -> Screen[Any]:
        from screens.overview import OverviewScreen

        return OverviewScreen(frame, services.overview.systems, services.alerts, lambda: services.runs.page())

    def config(frame: Frame) -> Screen[Any]:
        from screens.config import ConfigScreen

        return ConfigScreen(frame, services.config, services.service_sync)

    def pools(frame: Frame) -> Screen[Any]:
        from screens.pools import PoolsScreen

        return PoolsScreen(frame, services.pools, lambda: services.pool_acts)

    def bots(frame: Frame) -> Screen[Any]:
        from screens.bot_control import BotDesk
        from screens.bots import BotsScreen

        return BotsScreen(
            frame, BotDesk(services.bots, services.bots_health, services.bots_actions, services.bots_feed)
        )

    def chunks(frame: Frame) -> Screen[Any]:
        from screens.chunks import ChunksScreen

        return ChunksScreen(frame, services.repartition, lambda: services.repartition_changes, services.runs)

    def schema(frame: Frame) -> Screen[Any]:
        from screens.schema import SchemaScreen

        return SchemaScreen(frame, services.schema)

    def migrations(frame: Frame) -> Screen[Any]:
        from screens.migrations import MigrationsScreen

        pages = {"chunks": chunks, "chunks-rollback": chunks, "schema": schema}
        return MigrationsScreen(frame, services.migrations, services.runs, lambda: services.separation_desk, pages)

    def orphans(frame: Frame) -> Screen[Any]:
        from screens.orphans import OrphansScreen

        return OrphansScreen(frame, services.orphans, services.scans, lambda: services.orphan_changes)

    def drafting(frame: Frame) -> Screen[Any]:
        from screens.drafting import DraftingScreen

        return DraftingScreen(frame, services.drafting, services.evidence)

    return {"0": overview, "1": config, "2": pools, "3": migrations, "4": orphans, "5": bots, "6": drafting}
