"""How a key changes something: the person is asked, the gate passed, the change made, and how it ended said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from backends.clients.errors import BackendError
from backends.safety.gate import Act, Consent, Token
from screens.consent import ConsentRequest, confirm

if TYPE_CHECKING:
    from screens.base import LiveScreen


async def carry_out(
    screen: LiveScreen, act: Act, request: ConsentRequest, do: Callable[[Token], Awaitable[str]]
) -> bool:
    """Whether it was done. `do` calls the service with the token and says in words what was done. In a worker."""

    async def pass_the_gate(consent: Consent) -> str:
        async with screen.frame.gate().act(act, consent) as token:
            return await do(token)

    return await agree(screen, request, pass_the_gate)


async def agree(screen: LiveScreen, request: ConsentRequest, then: Callable[[Consent], Awaitable[str]]) -> bool:
    """Whether it was agreed to and done. `then` passes the gate itself, and says what was done. In a worker."""
    consent = await confirm(screen, request)
    if consent is None:
        return False
    try:
        said = await then(consent)
    except BackendError as error:
        say_failure(screen, request.title, error)
        return False
    screen.notify(said, title=request.title, markup=False)
    return True


def say_failure(screen: LiveScreen, title: str, error: BackendError) -> None:
    """Says why something was not done."""
    screen.notify(f"{error.message} {error.hint}", title=f"{title}: {error.kind}", severity="error", markup=False)
