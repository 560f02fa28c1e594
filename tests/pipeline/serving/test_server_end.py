"""A model server that is told to end under load. Starts real servers on loopback, with a model that takes its time."""

import concurrent.futures
import http.client
import importlib.util
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.component,
    pytest.mark.skipif(
        importlib.util.find_spec("tornado") is None, reason="Tornado is not installed (pip install 'thaw[serving]')"
    ),
]

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys, time
from pipeline.serving import model_server
def predict(name, inputs):
    print("begun", flush=True)
    time.sleep(float(sys.argv[1]))
    return [{"class_names": "a"} for _ in inputs]
model_server.usable_cores = lambda: 1
model_server.run(predict, "127.0.0.1", 0)
"""
REQUEST = json.dumps({"signature_name": "serving_bytes", "instances": [{"b64": "AAAA"}]})


def ask(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/v1/models/thaw:predict", REQUEST, {"Content-Type": "application/json"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None


@pytest.mark.parametrize(("seconds", "status"), [(2, 200), (600, 503)])
def test_answers_in_progress_are_waited_for_and_others_refused(seconds, status):
    server = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(seconds)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(server.stdout.readline().partition("127.0.0.1:")[2].partition("/")[0])
        with concurrent.futures.ThreadPoolExecutor(3) as clients:
            first = clients.submit(ask, port)
            assert server.stdout.readline() == "begun\n"
            others = [clients.submit(ask, port) for _ in range(2)]
            time.sleep(1)  # so that both wait in the server, mostly
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
            assert first.result() == status
            assert {one.result() for one in others} <= {503, None}  # None: came after the port was closed
    finally:
        server.kill()
        server.wait()
