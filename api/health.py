"""Whether this process lives, and whether it can serve. For load balancers; says nothing about anybody."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import CurrentResources
from api.problems import documented
from governance.schools import count_schools

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """``status`` is always ``ok``: anything else is a problem answer."""

    status: str = "ok"


@router.get("/healthz", operation_id="healthz")
async def healthz() -> Health:  # public: a load balancer has no account
    """This process runs."""
    return Health()


@router.get("/readyz", operation_id="readyz", responses=documented())
async def readyz(resources: CurrentResources) -> Health:  # public: a load balancer has no account
    """This process can serve: its database answers."""
    await resources.database.read(count_schools, tenant=None)
    return Health()
