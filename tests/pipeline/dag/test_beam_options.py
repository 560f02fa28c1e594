"""Which options of Beam are accepted, and which are rejected before anything runs. Starts no engine."""

import re
from pathlib import Path

import pytest
import yaml
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, PortableOptions, StandardOptions

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from pipeline.dag.beam_options import DEFAULTS, beam_options
from pipeline.runner import launch

QUICK = PRESETS / "quick.yaml"


def test_without_options_nodes_run_beam_in_their_own_process():
    assert beam_options([]) == list(DEFAULTS)
    assert PipelineOptions(beam_options([])).view_as(StandardOptions).runner == "FnApiRunner"


def test_the_options_that_the_documentation_shows_are_taken():
    page = Path(__file__).parents[3] / "docs" / "engines.md"
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        given = yaml.safe_load(block)["beam_args"]
        assert beam_options(given)[-len(given) :] == given


def test_the_check_asks_nothing_of_the_network(monkeypatch):
    tried = []

    def refuse(*_):
        tried.append("a connection")
        raise OSError("no network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("time.sleep", tried.append)  # between tries
    dataflow = ["--runner=DataflowRunner", "--project=my-project", "--region=r", "--temp_location=gs://bucket/temp"]
    assert beam_options(dataflow)[-4:] == dataflow
    assert tried == []


def test_several_processes_keep_the_default_runner():
    parsed = PipelineOptions(beam_options(["--direct_running_mode=multi_processing", "--direct_num_workers=3"]))
    assert parsed.view_as(StandardOptions).runner == "FnApiRunner"
    assert parsed.view_as(DirectOptions).direct_num_workers == 3


def test_the_runner_that_was_asked_for_wins_over_the_default():
    asked = ["--runner=PortableRunner", "--job_endpoint=localhost:8099", "--environment_type=LOOPBACK"]
    parsed = PipelineOptions(beam_options(asked))
    assert parsed.view_as(StandardOptions).runner == "PortableRunner"
    assert parsed.view_as(PortableOptions).job_endpoint == "localhost:8099"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["--runer=FlinkRunner"], "has no option --runer"),
        (["--runer=X", "--job_endpont=localhost:1"], "has no option --job_endpont, --runer"),
        (["--direct_num_workers=2", "--job_endpont=localhost:1"], "has no option --job_endpont"),
        (["--runner=NoRunner"], "Unexpected pipeline runner: NoRunner"),
        (["--runner=nowhere.at.all.Runner"], "No module named 'nowhere'"),
        (["--direct_num_workers=two"], "--direct_num_workers: invalid int value: 'two'"),
        (["--direct_running_mode=threads"], "invalid choice: 'threads'"),
        (["--runner=DataflowRunner"], "Missing required option: project"),
    ],
)
def test_what_beam_would_not_use_is_refused(given, complaint):
    with pytest.raises(ThawError, match=r"docs/engines\.md") as refused:
        beam_options(given)
    assert complaint in str(refused.value)


def test_a_run_refuses_them_before_it_looks_for_data(tmp_path):
    config = load_config(QUICK, ("beam_args=[--runer=X]", "data.path=/nowhere"))
    with pytest.raises(ThawError, match="has no option --runer"):
        launch.launch(config, tmp_path, {}, plan_only=True)


@pytest.mark.parametrize("value", ["runner=X", "--", "--Runner X", "-r"])
def test_the_configuration_takes_options_with_their_values_alone(value):
    with pytest.raises(ThawError, match=r"beam_args\.0"):
        load_config(QUICK, (f"beam_args=['{value}']",))
