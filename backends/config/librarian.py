"""The platform's librarian: twenty-two variables, all needed as soon as one of them is set."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from backends.config.platform import Section


class LibrarianSettings(Section):
    """Audits of the library. None where a variable is not set."""

    model_config = SettingsConfigDict(env_prefix="LIBRARIAN_")

    daily_audit_cron: str | None = Field(default=None, description="when the daily audit starts, as a cron line")
    daily_audit_time: str | None = Field(default=None, description="the same in words")
    daily_audit_mode: str | None = Field(default=None, description="mode of the daily audit")
    daily_audit_cost: str | None = Field(default=None, description="its estimated cost")
    daily_audit_status: str | None = Field(default=None, description="its status")
    daily_audit_description: str | None = Field(default=None, description="its description")
    weekly_audit_cron: str | None = Field(default=None, description="when the weekly audit starts, as a cron line")
    weekly_audit_time: str | None = Field(default=None, description="the same in words")
    weekly_audit_mode: str | None = Field(default=None, description="mode of the weekly audit")
    weekly_audit_cost: str | None = Field(default=None, description="its estimated cost")
    weekly_audit_status: str | None = Field(default=None, description="its status")
    weekly_audit_description: str | None = Field(default=None, description="its description")
    max_iterations: int | None = Field(default=None, description="iterations of an audit at most")
    default_budget_usd: float | None = Field(default=None, description="dollars that an audit may cost")
    min_budget_usd: float | None = Field(default=None, description="least dollars that can be chosen")
    max_budget_usd: float | None = Field(default=None, description="most dollars that can be chosen")
    budget_step_usd: float | None = Field(default=None, description="dollars between two choices")
    reports_limit: int | None = Field(default=None, description="reports on a page")
    actions_limit: int | None = Field(default=None, description="actions on a page")
    activity_page_size: int | None = Field(default=None, description="entries on a page of activity")
    id_truncate_length: int | None = Field(default=None, description="characters of an id that are shown")
    modal_max_height: int | None = Field(default=None, description="pixels of a dialog's height")
