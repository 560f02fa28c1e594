"""Small real ML Metadata stores, written as TFX writes them. Imports only MLMD's client."""

from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.runs.ml_metadata import latest_run_context, open_store, run_name


class Recorder:
    """Writes executions into a store as TFX does."""

    def __init__(self, path):
        self.path = path
        self.store = open_store(path)
        names = ("pipeline", "pipeline_run", "node")
        self.types = {name: self.store.put_context_type(mlmd.ContextType(name=name)) for name in names}
        self.execution_type = self.store.put_execution_type(mlmd.ExecutionType(name="component"))
        self.artifact_type = self.store.put_artifact_type(mlmd.ArtifactType(name="Artifact"))
        self.artifacts = {}
        self.pipeline = self.context("pipeline", "thaw-small")

    def context(self, kind, name):
        found = self.store.get_context_by_type_and_name(kind, name)
        if found is None:
            [made] = self.store.put_contexts([mlmd.Context(type_id=self.types[kind], name=name)])
            [found] = self.store.get_contexts_by_id([made])
        return found

    def execution(self, run, node, inputs, outputs, state=mlmd.Execution.COMPLETE, **settings):
        execution = mlmd.Execution(type_id=self.execution_type, last_known_state=state)
        for name, value in settings.items():
            execution.custom_properties[name].string_value = value
        pairs = []
        for kind, channels in ((mlmd.Event.INPUT, inputs), (mlmd.Event.OUTPUT, outputs)):
            for channel, uri in channels.items():
                event = mlmd.Event(type=kind)
                event.path.steps.add(key=channel)
                event.path.steps.add(index=0)
                artifact = mlmd.Artifact(type_id=self.artifact_type, uri=uri, id=self.artifacts.get(uri))
                pairs.append((artifact, event))
        contexts = [self.pipeline, self.context("pipeline_run", run), self.context("node", f"thaw-small.{node}")]
        _, ids, _ = self.store.put_execution(execution, pairs, contexts)
        self.artifacts |= {artifact.uri: id_ for (artifact, _), id_ in zip(pairs, ids, strict=True)}


def small_settings():
    """A configuration for a run's config.yaml."""
    return {
        "name": "small", "sources": {"a": {"classes": ["cat", "dog"]}}, "sizes": [10],
        "transfers": [{"source": "a", "architecture": "original"}], "freeze_counts": {"original": [8]},
    }  # fmt: skip


def small_summary(recorder, **changes):
    """The summary.json of the recorder's newest run, as far as commands read it."""
    context = latest_run_context(recorder.store)
    record = {
        "store": str(recorder.path), "run_context": context, "run_name": run_name(recorder.store, context),
    }  # fmt: skip
    return {
        "experiment": "small", "data": "CIFAR-10", "synthetic": False, "target_classes": ["automobile", "truck"],
        "winner": "a__original", "left_out": {}, "collapsed": [], "advice": [], "diverged": [], "worse_on_val": [],
        "closing_table": [small_row()], "stack": {"device": "CPU"},
        "target": {"content_hash": "c", "test_ids_hash": "i", "test_labels_hash": "l"},
        "pushed": {"blessed": False, "path": None, "reason": "there is no gain"}, "ml_metadata": record, **changes,
    }  # fmt: skip


def small_row(**changes):
    """A row of the closing table."""
    return {
        "transfer": "a__original", "source": "a", "architecture": "original", 
        "baseline_architecture": "original", "n": 10, "freeze_count": 8,
        "fine_tune": False, "draws": 2, "accuracy": 0.7, "accuracy_interval": [0.6, 0.8], "baseline_accuracy": 0.6,
        "baseline_interval": [0.5, 0.7], "gain_points": 10.0, "gain_interval_points": [-1.0, 21.0],
        "verdict": "undecided",
        "from_scratch": {
            "sweep": "baseline__original", "architecture": "original", "val_accuracy": 0.6, "accuracy": 0.6,
            "verdict": "undecided", "accuracy_interval": [0.5, 0.7], "lead_points": 10.0,
            "lead_interval_points": [-1.0, 21.0],
        },
        "blessed": False, "reasons": ["there is no gain"], **changes,
    }  # fmt: skip
