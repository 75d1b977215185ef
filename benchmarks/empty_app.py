"""An empty FastAPI application on Serve: what our routes are compared with."""

from fastapi import FastAPI
from ray import serve

api = FastAPI()


@serve.deployment(name="Empty", max_ongoing_requests=1000, ray_actor_options={"num_cpus": 0.1})
@serve.ingress(api)
class Empty:
    @api.get("/")
    async def answer(self) -> dict[str, str]:
        return {"status": "ok"}


app = Empty.bind()  # type: ignore[attr-defined]  # the decorator is untyped
