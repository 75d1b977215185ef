"""Is the service able to work?"""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from deployments.service import ServiceDep

router = APIRouter(tags=["health"])


@router.get("/health", summary="Can the service take work?")
async def health(service: ServiceDep) -> JSONResponse:
    """Answers in milliseconds: a probe for load balancers."""
    return JSONResponse(await service.health.brief())


@router.get("/api/v1/health", summary="Engines, GPUs, stages, queue and tasks")
async def detailed_health(service: ServiceDep) -> JSONResponse:
    """Everything an operator wants on one page."""
    return JSONResponse(await service.health.full())
