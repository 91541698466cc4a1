"""What routes ask for by type: who is calling, and what the process holds open.

A route whose signature lacks ``CurrentPrincipal`` is public, and a lint makes it say why.
"""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.lanes import Lanes
from governance.access_sessions import authenticate
from governance.accounts import Principal
from learning.resources import Resources

bearer = HTTPBearer(auto_error=False, description="The token that signing in returned.")


def resources(request: Request) -> Resources:
    """What this process holds open."""
    return cast("Resources", request.app.state.resources)


def lanes(request: Request) -> Lanes:
    """The two ways of answering."""
    return cast("Lanes", request.app.state.lanes)


CurrentResources = Annotated[Resources, Depends(resources)]
CurrentLanes = Annotated[Lanes, Depends(lanes)]


async def principal(
    held: CurrentResources, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Principal:
    """Who is calling.

    Raises:
        NotSignedIn: no token, or not one that is live.
    """
    return await authenticate(held.database, held.clock, credentials.credentials if credentials else "")


CurrentPrincipal = Annotated[Principal, Depends(principal)]
