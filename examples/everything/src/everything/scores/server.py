"""The model as KServe's ModelServer serves it: one class, for KServe and for Seldon Core."""

import asyncio
import uuid
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped, unused-ignore]
from kserve import InferOutput, InferRequest, InferResponse, Model  # type: ignore[import-not-found, unused-ignore]
from kserve.errors import InvalidInput  # type: ignore[import-not-found, unused-ignore]
from prometheus_client import Counter  # type: ignore[import-not-found, unused-ignore]

from .request_log import RequestLog
from .signature import NAMES, DoesNotFitError, Given, fields, inputs, lacks_values
from .weights import NotLoadedError, Source, load

REFUSED = Counter("served_refused", "Requests that do not fit the model's signature.", ["model"])
DROPPED = Counter("served_log_dropped", "Requests that were not logged: no room.", ["model"])
APPROVE = "python -m everything.scores --approve"


class Served(Model):  # type: ignore[misc, unused-ignore]
    """The model. `load` gets it and checks it, `predict` answers one request."""

    def __init__(self, name: str, source: Source, expected: str, requests: RequestLog) -> None:
        super().__init__(name)
        self._source, self._expected, self._requests = source, expected, requests
        self._model: Any = None
        self.version = ""

    def load(self) -> bool:
        """Get the model; afterwards it is ready.

        Raises:
            NotLoadedError: it is not there, not approved, not the approved one, or says not what it takes.
        """
        found, self._model = load(self._source, APPROVE, self._expected)
        try:
            fields(self._model.metadata.signature)
        except DoesNotFitError as problem:
            raise NotLoadedError(f"{self._source.words} cannot be served: {problem}") from problem
        self.version, self.ready = found.version, True
        return True

    def get_input_types(self) -> list[dict[str, Any]]:
        """What a client may ask for: the inputs of the signature."""
        return [
            {"name": one.name or "inputs", "datatype": one.datatype, "shape": list(one.shape)}
            for one in fields(self._model.metadata.signature)
        ]

    async def predict(
        self, payload: InferRequest, headers: Any = None, response_headers: Any = None
    ) -> InferResponse:
        """The model's answer.

        Raises:
            InvalidInput: the request does not fit; the server answers 400 with these words.
        """
        if not isinstance(payload, InferRequest):
            raise InvalidInput("ask by the Open Inference Protocol: POST /v2/models/NAME/infer")
        number = payload.id or uuid.uuid4().hex
        given = [_given(one) for one in payload.inputs]
        try:
            asked = inputs(self._model.metadata.signature, given)
        except DoesNotFitError as problem:
            REFUSED.labels(self.name).inc()
            raise InvalidInput(str(problem)) from problem
        try:
            answer = await asyncio.to_thread(self._model.predict, asked)
        except ValueError as problem:
            if not lacks_values(asked):
                raise
            REFUSED.labels(self.name).inc()
            words = str(problem).partition("\n")[0]
            raise InvalidInput(f"inputs: a value is NaN, and the model says: {words}") from problem
        outputs = [_output(name, array) for name, array in _arrays(answer).items()]
        self._note(number, given, outputs)
        return InferResponse(number, self.name, outputs, model_version=self.version)

    def _note(self, number: str, given: list[Given], outputs: list[InferOutput]) -> None:
        record = {
            "id": number,
            "model": self.name,
            "version": self.version,
            "inputs": [_record(one) for one in given],
            "outputs": [_record(one) for one in outputs],
        }
        if not self._requests.note(record):
            DROPPED.labels(self.name).inc()


def _record(one: Any) -> dict[str, Any]:
    return {"name": one.name, "shape": one.shape, "data": one.data}


def _given(one: Any) -> Given:
    # What came in binary form has no list of its own.
    try:
        data = one.data if one.data is not None else one.as_numpy().ravel().tolist()
    except ValueError as problem:
        raise InvalidInput(f"inputs: {one.name!r}: {problem}") from problem
    return Given(one.name, one.datatype, tuple(one.shape), data)


def _arrays(answer: Any) -> dict[str, Any]:
    if isinstance(answer, pd.DataFrame):
        return {str(name): column.to_numpy() for name, column in answer.items()}
    if isinstance(answer, dict):
        return {str(name): np.asarray(value) for name, value in answer.items()}
    return {"outputs": np.asarray(answer)}


def _output(name: str, array: Any) -> InferOutput:
    datatype = NAMES.get(array.dtype.name, "BYTES")
    values = array.ravel().tolist()
    data = [str(value) for value in values] if datatype == "BYTES" else values
    return InferOutput(name, list(array.shape), datatype, data)
