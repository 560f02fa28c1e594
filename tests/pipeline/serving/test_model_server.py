"""The model served over HTTP: right answers, hostile requests, and many of both. Starts a real server on loopback."""

import base64
import concurrent.futures
import http.client
import importlib.util
import io
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

pytestmark = [
    pytest.mark.component,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        importlib.util.find_spec("tornado") is None, reason="Tornado is not installed (pip install 'thaw[serving]')"
    ),
]

ROOT = Path(__file__).parents[3]
PATH = "/v1/models/thaw:predict"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CLASSES = ("automobile", "truck")


class Server:
    """The server as users start it."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "pipeline.serving.model_server", str(folder), "--port", str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline() == f"Serving at http://127.0.0.1:{self.port}{PATH}\n"

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def post(self, body, headers=JSON, path=PATH, connection=None):
        """Status and the answer's JSON; a mapping is sent as JSON, bytes as they are."""
        connection = connection or self.connect()
        connection.request("POST", path, body if isinstance(body, bytes) else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content.startswith(b"{") else content

    def peak_mib(self):
        """Largest resident memory so far, or since it was forgotten."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024

    def forget_peak(self):
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


@pytest.fixture(scope="module")
def server(exported_model):
    server = Server(exported_model.folder)
    yield server
    os.kill(server.process.pid, signal.SIGTERM)
    assert server.process.wait(60) == 0


@pytest.fixture(scope="module")
def in_process(exported_model):
    """The network's own probabilities, by image."""
    import tensorflow as tf

    positive = tf.sigmoid(exported_model.network.model(exported_model.images, training=False))[:, 0].numpy()
    return np.stack([1 - positive, positive], 1)


def b64(content):
    return {"b64": base64.b64encode(content).decode()}


def ask(*images, name="serving_bytes"):
    return {"signature_name": name, "instances": [b64(image) for image in images]}


def assert_right(answer, expected):
    predictions = answer["predictions"]
    assert len(predictions) == len(expected)
    for given, probabilities in zip(predictions, expected, strict=True):
        np.testing.assert_allclose(given["probabilities"], probabilities, atol=1e-5)
        assert given["class_names"] == CLASSES[int(np.argmax(probabilities))] and len(given["logits"]) == 1


def example(image):
    import tensorflow as tf

    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    return tf.train.Example(features=tf.train.Features(feature={"image": feature})).SerializeToString()


def test_both_signatures_answer_as_in_process(server, exported_model, in_process):
    status, answer = server.post(ask(*exported_model.pngs))
    assert status == 200
    assert_right(answer, in_process)
    named = [{"image_bytes": b64(image)} for image in exported_model.pngs]
    assert server.post({"signature_name": "serving_bytes", "instances": named}) == (200, answer)
    examples = [b64(example(image)) for image in exported_model.pngs]
    status, answer = server.post({"instances": examples})
    assert status == 200
    assert_right(answer, in_process)


def test_whoever_waits_for_the_model_hears_that_it_is_there(server):
    connection = server.connect()
    connection.request("GET", PATH.removesuffix(":predict"))
    state = json.loads(connection.getresponse().read())
    assert state["model_version_status"][0]["state"] == "AVAILABLE"


SOUND = {"signature_name": "serving_bytes"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        (b"", JSON, 400, "not JSON"),
        (b"{", JSON, 400, "not JSON"),
        (b"\xff\xfe", JSON, 400, "not JSON"),
        (b"[" * 100_000, JSON, 400, "not JSON"),
        (b"7" * 5000, JSON, 400, "not JSON"),
        ([], JSON, 400, "Expected {"),
        ({"inputs": []}, JSON, 400, "no other keys"),
        ({**SOUND, "instances": []}, JSON, 400, "instances: expected a list of 1 to 128 values"),
        ({**SOUND, "instances": [b64(b"")] * 129}, JSON, 400, "instances: expected a list of 1 to 128 values"),
        (SOUND, JSON, 400, "instances: expected"),
        ({"signature_name": "score_transformed", "instances": [b64(b"")]}, JSON, 400, "serving_default, serving_bytes"),
        ({"signature_name": {}, "instances": [b64(b"")]}, JSON, 400, "serving_default, serving_bytes"),
        ({**SOUND, "instances": [b64(b"a"), {"b64": "!"}]}, JSON, 400, "number 1: expected"),
        ({**SOUND, "instances": [{"b64": "\u00e9"}]}, JSON, 400, "number 0: expected"),
        ({**SOUND, "instances": [{"b64": 5}]}, JSON, 400, "number 0: expected"),
        ({**SOUND, "instances": ["text"]}, JSON, 400, "number 0: expected"),
        (ask(b"no image"), JSON, 400, "expected PNG or JPEG of 32 x 32 pixels"),
        (ask(b"\xff\xff", name="serving_default"), JSON, 400, "The model rejects the request"),
        (ask(b"x"), {"Content-Type": "image/png"}, 415, "expected application/json, found image/png"),
        (b"x" * (16 << 20) + b"x", JSON, 413, "expected 16777216 at most"),
    ],
)  # fmt: skip
def test_a_request_that_the_client_has_to_put_right_is_refused_with_words(server, body, headers, status, message):
    given, answer = server.post(body, headers)
    assert given == status and list(answer) == ["error"] and message in answer["error"]


def test_a_refusal_begins_with_what_was_expected_and_names_the_image(server, exported_model):
    """TensorFlow's names of nodes filled half of the 300 characters, and the number of the image was cut off."""
    turned, upright = Image.Exif(), Image.open(io.BytesIO(exported_model.pngs[1])).convert("RGB")
    turned[0x0112] = 6
    upright.save(encoded := io.BytesIO(), "JPEG", exif=turned)
    given, answer = server.post(ask(exported_model.pngs[0], encoded.getvalue()))
    assert given == 400
    assert answer["error"].startswith("The model rejects the request: [the model was trained on other images (")
    assert answer["error"].endswith("those of the request:] [1]")


def test_another_path_or_method_is_refused(server):
    assert server.post({}, path="/v1/models/other:predict")[0] == 404
    assert server.post({}, path=PATH.removesuffix(":predict"))[0] == 405


@pytest.mark.parametrize(("path", "status"), [("/elsewhere", 404), (PATH.removesuffix(":predict"), 405), (PATH, 413)])
def test_large_bodies_take_no_memory_wherever_they_are_sent(server, path, status):
    server.forget_peak()
    before = server.peak_mib()
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: server.post(bytes(60_000_000), FORM, path), range(8)))
    assert [given for given, _ in answers] == [status] * 8
    assert server.peak_mib() - before < 200


def test_a_port_that_is_taken_is_named(programs, server, exported_model):
    told = [str(exported_model.folder), "--port", str(server.port)]
    finished = programs.run([sys.executable, "-m", "pipeline.serving.model_server", *told], ROOT, os.environ)
    assert finished.returncode == 1
    assert f"Can't listen at 127.0.0.1, port {server.port}: Address already in use." in finished.stderr
    assert "Name others with --host and --port" in finished.stderr and "Traceback" not in finished.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_page_s_curl_examples_are_answered(server, exported_model, in_process, tmp_path):
    """Also the one for a cluster: TensorFlow Serving answers on the same path."""
    (tmp_path / "car.png").write_bytes(exported_model.pngs[0])
    commands = re.findall(r"```sh\n(echo.*?curl.*?)```", (ROOT / "docs" / "serving.md").read_text(), re.DOTALL)
    assert len(commands) == 2
    for command in commands:
        command = re.sub(r"(127\.0\.0\.1):\d+", rf"\1:{server.port}", command)
        finished = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        assert_right(json.loads(finished.stdout), in_process[:1])


class Load:
    """One request after the other, valid and hostile in the same order for the same numbers.

    Args:
      server: takes them.
      pngs: valid images.
      expected: probabilities of each.
      mutations: damages samples.
    """

    KINDS: ClassVar = {
        "valid": 70, "damaged image": 8, "damaged JSON": 6, "damaged base64": 5, "wrong size": 4, "wrong type": 3,
        "no instances": 3, "50 MB": 0.5, "slow": 0.5,
    }  # fmt: skip

    def __init__(self, server, pngs, expected, mutations):
        self.server, self.pngs, self.expected, self.mutations = server, pngs, expected, mutations

    def send(self, number):
        """The kind of request and the seconds until its answer, which was right."""
        dice = random.Random(number)
        [kind] = dice.choices(list(self.KINDS), list(self.KINDS.values()))
        if number < len(self.KINDS):
            kind = list(self.KINDS)[number]  # each comes once, however few requests there are
        image = dice.randrange(len(self.pngs))
        began = time.monotonic()
        if kind == "slow":
            self.send_half()
        elif kind == "valid":
            status, answer = self.server.post(ask(self.pngs[image]))
            assert status == 200, answer
            assert_right(answer, self.expected[image : image + 1])
        else:
            body, headers = self.hostile(kind, self.pngs[image], number, dice)
            status, answer = self.server.post(body, headers)
            harmless = kind == "damaged image" and status == 200
            assert harmless or 400 <= status < 500, (kind, number, status, answer)
            assert harmless or "error" in answer
        return kind, time.monotonic() - began

    def hostile(self, kind, png, number, dice):
        whole = json.dumps(ask(png)).encode()
        if kind == "damaged image":
            [damaged] = self.mutations([png], range(number, number + 1))
            return ask(damaged), JSON
        if kind == "damaged JSON":
            return whole[: dice.randrange(len(whole) - 2)], JSON
        if kind == "damaged base64":
            place = dice.randrange(whole.index(b"iVBOR"), len(whole) - 10)
            return whole[:place] + b"!" + whole[place:], JSON
        if kind == "wrong size":
            return ask(png[:16] + dice.randrange(33, 2**31).to_bytes(4, "big") + png[20:]), JSON
        if kind == "wrong type":
            return whole, FORM
        return (ask(), JSON) if kind == "no instances" else (bytes(50_000_000), JSON)

    def send_half(self):
        """Sends a part of a request and waits; the server must not wait as long."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as connection:
            connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{{".encode())
            assert connection.recv(100) == b""


@pytest.mark.parametrize(
    "requests",
    [pytest.param(300, id="some"),
     pytest.param(10_000, id="all", marks=[pytest.mark.exhaustive, pytest.mark.timeout(7200)])],
)  # fmt: skip
def test_under_load_hostile_requests_are_refused_and_valid_ones_answered(
    server, exported_model, in_process, mutations, requests
):
    load = Load(server, exported_model.pngs, in_process, mutations)
    server.post(ask(exported_model.pngs[0]))
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answered = list(clients.map(load.send, range(requests)))
    assert server.process.poll() is None
    kinds = {kind: [seconds for other, seconds in answered if other == kind] for kind in Load.KINDS}
    for kind, seconds in kinds.items():
        p50, p99 = np.percentile(seconds, (50, 99)) if seconds else (np.nan, np.nan)
        print(f"{kind}: {len(seconds)}, p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms")
    print(f"largest memory of the server: {server.peak_mib():.0f} MiB")
    assert all(kinds.values()) and server.peak_mib() < 2048
    assert max(kinds["slow"]) < 60
