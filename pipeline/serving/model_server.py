"""Answers requests to an exported model over HTTP: `python -m pipeline.serving.model_server MODEL`.

Requests and answers are those of TensorFlow Serving's REST API (docs/serving.md), so that clients need not change.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__" and importlib.util.find_spec("tornado") is None:
    sys.exit("\nthaw: The model server needs Tornado, which is not installed. Install it (pip install tornado), or "
             "Thaw with its extra `serving` (docs/serving.md).")  # fmt: skip

import tornado.httpserver
import tornado.netutil
import tornado.web

from experiment.errors import ThawError
from experiment.machine import usable_cores
from pipeline.runner.options import path_of
from pipeline.runner.process import own_temporary_folder, prepare_process, stop_at_once
from pipeline.runs.run_lock import check_no_pattern
from pipeline.serving.predict_requests import SIGNATURES, Refused, read_request, reason_in

MODEL_PATH = "/v1/models/thaw"
MOST_BYTES = 16 << 20  # of a request's body: room for a phone's photo in base64
MOST_BYTES_READ = 64 << 20
"""Bytes read of a body that is too large, so that its sender gets the reason; after these, the connection is closed."""
MOST_SECONDS = 10.0
"""Seconds within which a request must have arrived; slower clients are disconnected."""
MOST_SECONDS_TO_END = 5.0
"""Seconds for answers in progress when the process is told to end; waiting requests get status 503 at once."""

Predict = Callable[[str, list[bytes]], list[dict[str, Any]]]
"""From a signature's name and its inputs to one answer for each."""


def load(folder: Path) -> Predict:
    """The model's answers.

    Args:
      folder: a SavedModel that Thaw exported.

    Raises:
      ThawError: the folder has no such model.
    """
    import tensorflow as tf

    check_no_pattern(folder)
    try:
        model = tf.saved_model.load(str(folder))
        signatures = {name: model.signatures[name] for name in SIGNATURES}
    except (OSError, LookupError, ValueError, tf.errors.OpError) as error:
        raise ThawError(f"{folder} is not a model of Thaw ({error}). Expected a folder with a saved_model.pb that has "
                        f"the signatures {', '.join(SIGNATURES)}; `thaw report` names one.") from error  # fmt: skip

    def predict(name: str, inputs: list[bytes]) -> list[dict[str, Any]]:
        try:
            outputs = signatures[name](**{SIGNATURES[name]: tf.constant(inputs, tf.string)})
        except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
            raise Refused(400, f"The model rejects the request: {reason_in(error.message)}") from error
        except TypeError as error:
            # TensorFlow's message quotes the request, and Python can't decode what is not UTF-8 in it.
            if "codec can't decode byte" not in str(error):
                raise
            raise Refused(400, "The model rejects the request: it has no valid tf.Example or image.") from error
        columns = {key: [_plain(value) for value in tensor.numpy().tolist()] for key, tensor in outputs.items()}
        return [{key: column[place] for key, column in columns.items()} for place in range(len(inputs))]

    return predict


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


@tornado.web.stream_request_body
class BodilessHandler(tornado.web.RequestHandler):
    """Drops a request's body; otherwise Tornado keeps and parses all of it before it is rejected."""

    def data_received(self, chunk: bytes) -> None:
        """Keeps nothing."""


class StateHandler(BodilessHandler):
    """Answers that the model is loaded, for clients that wait for it."""

    def get(self) -> None:
        """Answers as TensorFlow Serving does."""
        self.write({"model_version_status": [{"version": "1", "state": "AVAILABLE"}]})


class UnknownPathHandler(BodilessHandler):
    """Answers 404 to every method."""

    def refuse(self) -> None:
        """Answers that there is nothing here."""
        raise tornado.web.HTTPError(404)

    get = head = post = put = delete = patch = options = refuse


@tornado.web.stream_request_body
class PredictHandler(tornado.web.RequestHandler):
    """One request, whose body is kept up to the allowed size."""

    def initialize(
        self, predict: Predict, threads: concurrent.futures.Executor, answers: set[asyncio.Future[Any]],
        ended: asyncio.Event,
    ) -> None:  # fmt: skip
        """Called by Tornado for each request; `answers` is the set of those in progress."""
        self._predict, self._threads, self._answers, self._ended = predict, threads, answers, ended
        self._body, self._size = bytearray(), 0

    def data_received(self, chunk: bytes) -> None:
        """Keeps a piece of the body, or drops the whole body once it is too large."""
        self._size += len(chunk)
        if self._size <= MOST_BYTES:
            self._body += chunk
        else:
            self._body.clear()

    async def post(self) -> None:
        """Answers when the body is complete; other requests continue meanwhile."""
        try:
            self._check_envelope()
            loop = asyncio.get_running_loop()
            answer = loop.run_in_executor(self._threads, self._answer, bytes(self._body))
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)
            predictions = await answer
        except Refused as error:
            self.set_status(error.status)
            self.write({"error": str(error)})
        except (asyncio.CancelledError, RuntimeError):  # the second if the threads accept no more work
            if not self._ended.is_set():
                raise
            self.set_status(503)
            self.write({"error": "The server is shutting down. Send the request again, or to another server."})
        else:
            self.write({"predictions": predictions})

    def _check_envelope(self) -> None:
        if self._size > MOST_BYTES:
            raise Refused(413, f"The body has {self._size} bytes; expected {MOST_BYTES} at most.")
        given = self.request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()
        if given != "application/json":
            raise Refused(415, f"Content-Type: expected application/json, found {given[:100]}.")

    def _answer(self, body: bytes) -> list[dict[str, Any]]:
        return self._predict(*read_request(body))


async def serve(predict: Predict, host: str, port: int) -> bool:
    """Answers until the process is told to end (SIGTERM, SIGINT); returns whether all answers were complete."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    threads, answers = concurrent.futures.ThreadPoolExecutor(usable_cores()), set[asyncio.Future[Any]]()
    told = {"predict": predict, "threads": threads, "answers": answers, "ended": ended}
    routes: list[Any] = [(MODEL_PATH, StateHandler), (f"{MODEL_PATH}:predict", PredictHandler, told)]
    server = tornado.httpserver.HTTPServer(
        tornado.web.Application(routes, default_handler_class=UnknownPathHandler),
        max_body_size=MOST_BYTES_READ,
        body_timeout=MOST_SECONDS,
        idle_connection_timeout=MOST_SECONDS,
    )
    server.add_sockets(sockets := _listening_at(host, port))
    shown = f"[{host}]" if ":" in host else host  # IPv6
    print(f"Serving at http://{shown}:{sockets[0].getsockname()[1]}{MODEL_PATH}:predict", flush=True)
    await ended.wait()
    server.stop()
    threads.shutdown(wait=False, cancel_futures=True)
    if answers:
        _, unfinished = await asyncio.wait(answers, timeout=MOST_SECONDS_TO_END)
        await asyncio.sleep(0.1)  # finished answers are sent
        return not unfinished
    return True


def _listening_at(host: str, port: int) -> list[socket.socket]:
    try:
        return tornado.netutil.bind_sockets(port, host)
    except (OSError, UnicodeError) as error:  # the latter: not a valid host name
        reason = getattr(error, "strerror", None) or error
        raise ThawError(f"Can't listen at {host}, port {port}: {reason}. Expected an address of this machine and a "
                        "port that is free. Name others with --host and --port; port 0 is any that is free."
                        ) from error  # fmt: skip


def run(predict: Predict, host: str, port: int) -> None:
    """Serves in this process, and ends it if an answer is still being computed then: Python would wait for it."""
    if not asyncio.run(serve(predict, host, port)):
        os._exit(0)


def _host(text: str) -> str:
    if not text.strip():  # as from a shell variable that was never set; it would mean every address of the machine
        raise argparse.ArgumentTypeError("expected an address, got an empty text. 0.0.0.0 means every IPv4 address")
    return text


def _port(text: str) -> int:
    if not 0 <= (number := int(text)) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port; expected 0 (any that is free) to 65535")
    return number


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """Reads the command line; bad usage ends the process with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.serving.model_server", description="Answers requests to an exported model over HTTP."
    )
    parser.add_argument("model", type=path_of, help="folder of the SavedModel, which `thaw report` names")
    parser.add_argument(
        "--host", type=_host, default="127.0.0.1", help="address to listen at (127.0.0.1: this machine only)"
    )
    parser.add_argument("--port", type=_port, default=8501, help="port to listen at (8501)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Serves; returns the process's exit status (0 told to end, 1 the user must act)."""
    arguments = parse_arguments(argv)
    prepare_process(os.environ)
    try:
        own_temporary_folder(os.environ)
        run(load(arguments.model), arguments.host, arguments.port)
    except (ThawError, OSError) as error:
        print(f"\nthaw: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    stop_at_once("Stopped before it served.")  # while it serves, it shuts down in order
    sys.exit(main(sys.argv[1:]))
