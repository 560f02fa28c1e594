"""The TransferReport node: real ledgers and models in, report, winner and blessing out. Runs its executor."""

import dataclasses
import json
from pathlib import Path

import pytest
import tensorflow as tf
import yaml
from tfx.types import channel, standard_artifacts
from tfx.types.experimental import simple_artifacts

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.findings.questions import questions_of
from analysis.transfer_prediction.predicted_gains import ADVICE_FILE
from components.confirmer.confirmation_files import write_confirmation
from components.transfer_report.component import TransferReportExecutor, transfer_report
from components.transfer_report.settings import ReportSettings
from experiment import features
from experiment.config import Blessing, Confirmation
from ledger.ledger import LEDGER_FILE, content_key, write_ledger
from tests.analysis.report_ledgers import as_fresh

pytestmark = pytest.mark.component
SERVING = "Format-Serving"
IDS = [f"id{place:03d}" for place in range(500)]
"""Of the test images, in the order of the ledgers."""

DATA = {"image_shape": [4, 4, 3], "resize": False}


def write_images(folder, ids):
    """Black images of 4 x 4 pixels as DomainExamples writes them."""
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "data.tfrecord")) as writer:
        for name in ids:
            values = {features.IMAGE: bytes(48), features.ID: name.encode(), features.LABEL: 0, features.COPY: 0}
            kinds = {key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                     if isinstance(value, bytes) else tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
                     for key, value in values.items()}  # fmt: skip
            example = tf.train.Example(features=tf.train.Features(feature=kinds))
            writer.write(example.SerializeToString())


def artifact(kind, folder):
    folder.mkdir(parents=True)
    made = kind()
    made.uri = str(folder)
    return made


@pytest.fixture
def run(tmp_path, quick_ledgers, before_of):
    """A function that runs the node on the small ledgers with a given accuracy floor."""

    def run(min_accuracy):
        inputs = {}
        for header, rows in quick_ledgers:
            header = dataclasses.replace(header, test_ids_hash=content_key(ids=IDS))
            results = artifact(standard_artifacts.TunerResults, tmp_path / "results" / header.sweep)
            write_ledger(Path(results.uri) / LEDGER_FILE, header, rows)
            inputs[f"ledger_of_{header.sweep}"] = [results]
            if header.source:
                model = artifact(standard_artifacts.Model, tmp_path / "model" / header.sweep)
                (Path(model.uri) / SERVING).mkdir()
                (Path(model.uri) / SERVING / "who.txt").write_text(header.sweep)
                verdict = artifact(standard_artifacts.ModelBlessing, tmp_path / "verdict" / header.sweep)
                verdict.set_int_custom_property("blessed", 1)
                evaluation = artifact(standard_artifacts.ModelEvaluation, tmp_path / "evaluation" / header.sweep)
                inputs |= {
                    f"candidate_of_{header.sweep}": [model],
                    f"verdict_of_{header.sweep}": [verdict],
                    f"evaluation_of_{header.sweep}": [evaluation],
                }
        advice = artifact(simple_artifacts.File, tmp_path / "advice")
        (Path(advice.uri) / ADVICE_FILE).write_text(before_of(quick_ledgers).model_dump_json())
        inputs["advice"] = [advice]
        confirmation = artifact(simple_artifacts.File, tmp_path / "confirmation")
        headers = {
            header.sweep: (dataclasses.replace(header, test_ids_hash=content_key(ids=IDS)), as_fresh(rows))
            for header, rows in quick_ledgers
        }
        questions = questions_of(Grid(pair_ledgers(headers.values())), 400, every_transfer=True)
        settings = Confirmation(draws=4, most_draws=4)
        write_confirmation(Path(confirmation.uri), questions, headers, settings)
        inputs["confirmation"] = [confirmation]
        target = artifact(standard_artifacts.Examples, tmp_path / "target")
        write_images(Path(target.uri) / "Split-test", IDS)
        inputs["target"] = [target]
        outputs = {
            "report": [artifact(simple_artifacts.File, tmp_path / "out" / "report")],
            "winner": [artifact(standard_artifacts.Model, tmp_path / "out" / "winner")],
            "blessing": [artifact(standard_artifacts.ModelBlessing, tmp_path / "out" / "blessing")],
        }
        blessing = Blessing(min_accuracy=min_accuracy, max_class_loss_points=100)
        settings = ReportSettings(experiment="small", deployed_size=400, blessing=blessing, transfers_left_out={},
                                versions={}, records_per_image=3, batch_size=32, seed=1,
                                configuration={"name": "small", "data": DATA})  # fmt: skip
        TransferReportExecutor().Do(inputs, outputs, {"settings": settings.model_dump_json(), "code": ""})
        return {name: made for name, [made] in outputs.items()}

    return run


def test_the_winners_model_is_handed_over_with_its_blessing(run):
    outputs = run(min_accuracy=0.0)
    summary = json.loads((Path(outputs["report"].uri) / "summary.json").read_text())
    assert (Path(outputs["winner"].uri) / SERVING / "who.txt").read_text() == summary["winner"]
    assert outputs["blessing"].get_int_custom_property("blessed") == 1
    assert (Path(outputs["blessing"].uri) / "BLESSED").exists()


def test_the_winners_card_travels_inside_the_model_that_is_pushed(run):
    folder = Path(run(min_accuracy=0.0)["winner"].uri) / SERVING
    assert "SYNTHETIC" in (folder / "model_card.html").read_text()
    assert yaml.safe_load((folder / "experiment.yaml").read_text())["name"] == "small"


def test_a_refused_winner_is_marked_as_not_blessed(run):
    outputs = run(min_accuracy=1.0)
    assert outputs["blessing"].get_int_custom_property("blessed") == 0
    marker = json.loads((Path(outputs["blessing"].uri) / "NOT_BLESSED").read_text())
    assert "below the floor" in marker["reason"]


def test_the_node_has_an_input_for_each_transfer_by_name():
    def channels(*names):
        return {name: channel.Channel(type=standard_artifacts.Model) for name in names}

    settings = ReportSettings(experiment="x", deployed_size=1, blessing=Blessing(), transfers_left_out={}, versions={},
                            seed=1, records_per_image=3, batch_size=32, configuration={})  # fmt: skip
    target = channel.Channel(type=standard_artifacts.Examples)
    node = transfer_report(candidates=channels("a__original"), evaluations=channels("a__original"),
                           verdicts=channels("a__original"), ledgers=channels("a__original", "baseline__original"),
                           advice=channel.Channel(type=simple_artifacts.File),
                           confirmation=channel.Channel(type=simple_artifacts.File),
                           target=target, settings=settings, code="c")  # fmt: skip
    assert set(node.inputs) == {"candidate_of_a__original", "evaluation_of_a__original", "verdict_of_a__original",
                                "ledger_of_a__original", "ledger_of_baseline__original", "advice", "confirmation",
                                "target"}  # fmt: skip
    assert set(node.outputs) == {"report", "winner", "blessing"}
