"""Models by HTTP: POST /predictions/MODEL/VERSION/predict, for several models and versions side by side.

The load balancer routes /predictions/MODEL/VERSION/* and strips nothing, so each model has its documentation and its health there, too.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from serving.batching import Batcher, Busy, NoAnswer
from serving.inputs import InvalidInput
from serving.models import Model, ModelError, deployed

log = logging.getLogger("serving")
MAX_ROWS = 1000
MAX_BYTES = 8 << 20
BATCH_ROWS = 256
MAX_WAITING = 10_000


def application(models: Sequence[Model]) -> FastAPI:
    """The service of these models."""
    app = FastAPI(
        title="Models", docs_url="/predictions/docs", openapi_url="/predictions/openapi.json"
    )
    listed = [
        {
            "model": one.name,
            "version": one.version,
            "path": f"/predictions/{one.name}/{one.version}/predict",
        }
        for one in models
    ]

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Models are loaded before the first request is taken, so whoever reads this can be answered."""
        return {"status": "ok", "models": listed}

    for model in models:
        app.mount(f"/predictions/{model.name}/{model.version}", one_model(model))

    @app.api_route("/predictions/{path:path}", methods=["GET", "POST"], include_in_schema=False)
    async def unknown(path: str) -> JSONResponse:
        return JSONResponse(
            {"detail": f"no model is served at /predictions/{path}", "models": listed}, 404
        )

    return app


def one_model(model: Model) -> FastAPI:
    """What stands below the path of one model."""
    app = FastAPI(title=model.name, version=model.version)
    batcher = Batcher(model.wrapper.transform, rows=BATCH_ROWS, waiting=MAX_WAITING)
    inputs = model.wrapper.inputs
    body = {
        "type": "object",
        "properties": {
            "instances": {
                "type": "array",
                "items": inputs.schema(),
                "minItems": 1,
                "maxItems": MAX_ROWS,
            }
        },
        "required": ["instances"],
        "additionalProperties": False,
    }

    @app.get("/health")
    async def health() -> dict[str, str]:
        """The model is loaded."""
        return {"status": "ok", "model": model.name, "version": model.version}

    @app.post(
        "/predict",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}}
        },
        responses={
            413: {"description": "The request is too large."},
            422: {"description": "A field does not fit; it is named."},
            500: {
                "description": "The model failed, or its answer is no JSON, such as NaN; it is named."
            },
            503: {"description": "Too many requests wait; try again."},
        },
    )
    async def predict(request: Request) -> JSONResponse:
        """One prediction for each instance, in their order."""
        raw = bytearray()
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > MAX_BYTES:
                return refused(
                    413, "body", f"is larger than {MAX_BYTES} bytes: send fewer instances"
                )
        try:
            said = json.loads(bytes(raw))
        except (ValueError, RecursionError) as error:
            return refused(422, "body", f"is no JSON: {error}")
        if not isinstance(said, dict):
            return refused(422, "body", 'give an object, {"instances": [...]}')
        if unknown := sorted(said.keys() - {"instances"}):
            return refused(422, unknown[0], "is no field of a request: give instances")
        try:
            rows = inputs.check(said.get("instances"), MAX_ROWS)
        except InvalidInput as error:
            return JSONResponse({"detail": error.problems}, 422)
        try:
            answers = await batcher.answer(rows)
        except InvalidInput as error:
            return JSONResponse({"detail": error.problems}, 422)
        except NoAnswer as error:
            log.error("%s %s: %s", model.name, model.version, error)
            return JSONResponse({"detail": error.problems}, 500)
        except Busy:
            return JSONResponse(
                {"detail": "too many requests wait"}, 503, headers={"Retry-After": "1"}
            )
        except Exception:
            log.exception("%s %s failed for %d rows", model.name, model.version, len(rows))
            return JSONResponse(
                {"detail": "the model failed on these instances; the log of the service says why"},
                500,
            )
        return JSONResponse({"model": model.name, "version": model.version, "predictions": answers})

    return app


def refused(status: int, field: str, problem: str) -> JSONResponse:
    """An answer that names the field."""
    return JSONResponse({"detail": [{"field": field, "problem": problem}]}, status)


def main() -> None:
    """Load the models, then take requests."""
    import uvicorn

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        models = deployed()
    except ModelError as error:
        raise SystemExit(f"error: {error}") from error
    for model in models:
        log.info("%s %s is loaded: %.1f s", model.name, model.version, model.seconds)
    port = int(os.environ.get("PORT", "8080"))
    host = os.environ.get("HOST", "0.0.0.0")  # noqa: S104 - a container's own network
    uvicorn.run(application(models), host=host, port=port, access_log=False, timeout_keep_alive=75)


if __name__ == "__main__":
    main()
