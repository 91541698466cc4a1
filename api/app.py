"""``create_app``: routers, limits and problems around the resources the front door opened."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from temporalio.client import Client

from api import health, problem_types, problems
from api.document import tell_exactly
from api.lanes import Lanes
from api.limits import BodyLimit
from api.services import SERVICES
from learning.resources import Resources

DESCRIPTION = """Adaptive learning in which every use of a learner's data is permitted, recorded, explainable
and erasable. Refusals are problem details (RFC 9457) that name each faulty field. Requests that create
something carry an id minted by the client and can be repeated safely."""


def create_app(
    resources: Resources, client: Client | None, only: Collection[str] = frozenset(SERVICES)
) -> FastAPI:
    """The API over open resources.

    Args:
        resources: what the front door opened; it also closes them.
        client: the engine, or None to answer on the direct lane alone.
        only: names of the services to serve.
    """
    lanes = Lanes(resources, client)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await lanes.drain()

    app = FastAPI(
        title="Tutela",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # those pages load scripts from other people's servers
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.resources = resources
    app.state.lanes = lanes
    app.add_middleware(BodyLimit)
    problems.install(app)
    app.include_router(health.router)
    app.include_router(problem_types.router)
    for noun in sorted({noun for service in only for noun in SERVICES[service]}):
        app.include_router(_router(noun))
    tell_exactly(app)
    return app


def _router(noun: str) -> APIRouter:
    router = importlib.import_module(f"api.{noun}").router
    assert isinstance(router, APIRouter)
    return router
