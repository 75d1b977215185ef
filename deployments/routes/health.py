"""Is the service able to work?"""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from deployments.service import service_of
from emo_hallo_ray.schemas import DetailedHealth, Health

router = APIRouter(tags=["health"])


@router.get("/health", response_model=Health, summary="Can the service take work?")
async def health(request: Request) -> JSONResponse:
    """Answers in milliseconds: a probe for load balancers."""
    return JSONResponse(await service_of(request).health.brief())


@router.get("/api/v1/health", response_model=DetailedHealth, summary="Engines, GPUs, stages, queue and tasks")
async def detailed_health(request: Request) -> JSONResponse:
    """Everything an operator wants on one page."""
    return JSONResponse(await service_of(request).health.full())
