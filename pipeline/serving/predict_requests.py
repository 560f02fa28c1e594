"""Reads a request to the model server: a signature and its input. Imports only errors.

The format is that of TensorFlow Serving's REST API (docs/serving.md).
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from experiment.errors import ThawError

SIGNATURES = {"serving_default": "examples", "serving_bytes": "image_bytes"}
"""Signatures that may be requested, and their inputs; the others do not check their input or are for training."""
MOST_INSTANCES = 128
"""Most instances of one request: an image of a few bytes takes as much memory in the network as any other."""


class Refused(ThawError):
    """A request that the client must correct.

    Args:
      status: HTTP's, 400 to 499.
      message: for the client.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


def read_request(body: bytes) -> tuple[str, list[bytes]]:
    """The signature's name and its input from a request's body.

    Raises:
      Refused: it does not have the format in docs/serving.md.
    """
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:  # neither JSON nor UTF-8; or nested without end
        raise Refused(400, f"The body is not JSON ({str(error)[:100]}).") from error
    if not isinstance(request, dict) or request.keys() - {"signature_name", "instances"}:
        raise Refused(400, 'Expected {"signature_name": ..., "instances": [...]} and no other keys.')
    name = request.get("signature_name", "serving_default")
    if name not in list(SIGNATURES):
        raise Refused(400, f"signature_name: expected one of {', '.join(SIGNATURES)}, or none for the first.")
    instances = request.get("instances")
    if not isinstance(instances, list) or not 1 <= len(instances) <= MOST_INSTANCES:
        raise Refused(400, f"instances: expected a list of 1 to {MOST_INSTANCES} values.")
    return name, [_decoded(instance, place, SIGNATURES[name]) for place, instance in enumerate(instances)]


def reason_in(message: str) -> str:
    """TensorFlow's message about a request, without the names of its nodes, which fill the first 150 characters."""
    words = " ".join(message.split()).rpartition("<stack traces unavailable> ")[2].removeprefix("assertion failed: ")
    return words.partition(" [[{{node")[0][:300]


def _decoded(instance: Any, place: int, key: str) -> bytes:
    """An instance's bytes: {"b64": text}, or {<the input's name>: {"b64": text}}."""
    if isinstance(instance, dict) and list(instance) == [key]:
        instance = instance[key]
    text = instance["b64"] if isinstance(instance, dict) and list(instance) == ["b64"] else None
    try:
        if isinstance(text, str):
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # the second if it is not ASCII
        pass
    raise Refused(400, f'instances, number {place}: expected {{"b64": ...}} with base64 in it.')
