"""Answers requests to a pushed model over HTTP: `python -m pipeline.model_server MODEL`. Nothing imports this.

A small part of TensorFlow Serving's REST interface, for where its server can't be had: docs/serving.md.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import functools
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

from pipeline.errors import ThawError
from pipeline.process import prepare_process

prepare_process(os.environ)

SIGNATURES = ("serving_default", "serving_bytes")
"""Those that stand requests from strangers (docs/reliability.md)."""
MOST_BYTES = 4 << 20
MOST_INSTANCES = 128
"""A batch's activations take up to a megabyte an image."""
BODY_SECONDS = 10.0
"""Within which a request's body must have come."""

Answer = list[dict[str, Any]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(ThawError):
    """A request that is not answered, and the HTTP status that says so.

    Args:
      message: what happened, what was expected.
      status: one of 4xx.
    """

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST):
        super().__init__(message)
        self.status = status


class Predictor:
    """A SavedModel's signatures as functions of JSON values.

    Args:
      folder: the SavedModel.

    Raises:
      ThawError: there is none, or it lacks a signature.
    """

    def __init__(self, folder: Path):
        import tensorflow as tf

        if not (folder / "saved_model.pb").is_file():
            raise ThawError(f"{folder} is no pushed model: expected a folder with saved_model.pb. `thaw report` says "
                            "where the model was pushed; give that folder.")  # fmt: skip
        self._model = tf.saved_model.load(str(folder))  # the signatures do not keep it alive
        missing = [name for name in SIGNATURES if name not in self._model.signatures]
        if missing:
            raise ThawError(f"The model in {folder} has no signature {missing[0]}: it is none of Thaw's. Push one with "
                            "`thaw run`.")  # fmt: skip
        self._refusals = (tf.errors.InvalidArgumentError, tf.errors.DataLossError)
        self._constant = tf.constant

    def predict(self, signature: str, instances: list[bytes]) -> Answer:
        """One object of class_names, probabilities and logits for each instance.

        Args:
          signature: one of SIGNATURES.
          instances: PNG or JPEG bytes, or serialized tf.Examples, at least one.

        Raises:
          Refused: the model can't read an instance.
        """
        try:
            found = self._model.signatures[signature](self._constant(instances))
        except self._refusals as error:
            raise Refused(_reason(signature, error.message)) from error
        except TypeError as error:
            # TensorFlow's message quotes the request, and Python can't decode what is not UTF-8 in it.
            if "codec can't decode" not in str(error):
                raise
            raise Refused(_reason(signature, "")) from error
        columns = {name: tensor.numpy().tolist() for name, tensor in found.items()}
        columns["class_names"] = [name.decode() for name in columns["class_names"]]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _reason(signature: str, message: str) -> str:
    """What to tell the client: the model's own words where it has some, and nothing of the request."""
    own = re.search(r"expected PNG or JPEG [^\[\]]*\] \[[\d .]*\]", message)
    if own:
        return f"The model refused the request: {own[0]}"
    kind = "an image, PNG or JPEG," if signature == "serving_bytes" else "a serialized tf.Example with such an image"
    return f"The model refused the request: expected each instance to be {kind} that can be decoded."


def parse_request(body: bytes) -> tuple[str, list[bytes]]:
    """Signature and instances of a request's body.

    Args:
      body: JSON, `{"signature_name": ..., "instances": [{"b64": ...}, ...]}`; without a name, serving_default.

    Raises:
      Refused: it is anything else.
    """
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:  # neither JSON nor UTF-8; or nested without end
        raise Refused("The request's body is no JSON.") from error
    if not isinstance(values, dict) or "instances" not in values or values.keys() - {"signature_name", "instances"}:
        raise Refused('Expected an object with "instances" and, if wanted, "signature_name", and nothing else.')
    signature, instances = values.get("signature_name", SIGNATURES[0]), values["instances"]
    if signature not in SIGNATURES:
        raise Refused(f"signature_name must be one of {', '.join(SIGNATURES)}.")
    if not isinstance(instances, list) or not 1 <= len(instances) <= MOST_INSTANCES:
        raise Refused(f"instances must be a list of 1 to {MOST_INSTANCES} objects; this is no batch to answer.")
    return signature, [_decoded(place, instance) for place, instance in enumerate(instances)]


def _decoded(place: int, instance: object) -> bytes:
    if not isinstance(instance, dict) or instance.keys() != {"b64"} or not isinstance(instance["b64"], str):
        raise Refused(f'Instance {place} is not {{"b64": "..."}}.')
    try:
        return base64.b64decode(instance["b64"], validate=True)
    except ValueError as error:
        raise Refused(f"Instance {place} is no base64.") from error


def create_app(predict: Callable[[str, list[bytes]], Answer], threads: int) -> web.Application:
    """The HTTP side: one model by the name `thaw`.

    Args:
      predict: as Predictor.predict.
      threads: requests that are answered at the same time; others wait.
    """
    pool = ThreadPoolExecutor(threads)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            raise Refused("Expected the header Content-Type: application/json.", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        signature, instances = parse_request(await _body(request))
        work = functools.partial(predict, signature, instances)
        return web.json_response({"predictions": await asyncio.get_running_loop().run_in_executor(pool, work)})

    async def state(request: web.Request) -> web.StreamResponse:
        status = {"error_code": "OK", "error_message": ""}
        return web.json_response({"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": status}]})

    app = web.Application(client_max_size=MOST_BYTES, middlewares=[_refusals_as_json])
    app.add_routes([web.post("/v1/models/thaw:predict", answer), web.get("/v1/models/thaw", state)])
    return app


@web.middleware
async def _refusals_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        response = web.json_response({"error": str(refused)}, status=refused.status)
        if refused.status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            response.force_close()  # the rest of the body is not waited for
        return response
    except web.HTTPException as error:
        return web.json_response({"error": error.reason}, status=error.status)


async def _body(request: web.Request) -> bytes:
    too_large = Refused(f"The body has more than {MOST_BYTES} bytes.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if (request.content_length or 0) > MOST_BYTES:
        raise too_large
    try:
        return await asyncio.wait_for(request.read(), BODY_SECONDS)
    except web.HTTPRequestEntityTooLarge as error:
        raise too_large from error
    except asyncio.TimeoutError as error:
        message = f"The body did not come within {BODY_SECONDS:.0f} seconds."
        raise Refused(message, HTTPStatus.REQUEST_TIMEOUT) from error


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """Reads the command line; bad usage ends the process with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.model_server",
        description="Answers requests to a pushed model over HTTP, as TensorFlow Serving would.",
        epilog="How to ask, and what is refused: docs/serving.md.",
    )
    parser.add_argument("model", type=Path, help="the pushed model's folder, with saved_model.pb")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (127.0.0.1: this machine alone)")
    parser.add_argument("--port", type=int, default=8501, help="port to listen at (8501)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Serves until it is interrupted; returns the process's exit status (0 done, 1 the user must act)."""
    arguments = parse_arguments(argv)
    try:
        app = create_app(Predictor(arguments.model).predict, len(os.sched_getaffinity(0)))
        told = f"Serving {arguments.model} at http://{arguments.host}:{arguments.port}/v1/models/thaw:predict"
        web.run_app(
            app, host=arguments.host, port=arguments.port, access_log=None,
            print=lambda *_: print(told, flush=True),
        )  # fmt: skip
    except ThawError as error:
        print(f"\nthaw: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\nthaw: Can't listen at {arguments.host}:{arguments.port}: {error.strerror}. Give another --host or "
              "--port.", file=sys.stderr)  # fmt: skip
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
