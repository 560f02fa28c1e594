"""The runner for Kubeflow: config and cluster -> create_pipeline -> KubeflowV2DagRunner -> a file. Nothing imports it.

Run it as `python kubeflow/kubeflow_runner.py --config experiment/presets/report.yaml --cluster my-cluster.yaml`; it
runs nothing and needs no cluster.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from pipeline.runner.process import end_with, exit_status, prepare_process

prepare_process(os.environ)
warnings.filterwarnings("ignore", category=FutureWarning)

from acquisition.data_sources.locate_dataset import Dataset
from acquisition.tfrecords.record_files import RecordFiles
from experiment.changes import changed
from experiment.config import ExperimentConfig
from experiment.errors import ThawError
from pipeline.kubeflow import compiled_spec, pod_checks, pod_resources
from pipeline.kubeflow.cluster import ClusterConfig, load_cluster
from pipeline.runner.options import STRICT, WEIGHTS, add_options, config_of, path_of, text_as_yaml

HERE = Path(__file__).resolve().parent
OPTIONS = (WEIGHTS, STRICT)
"""Of the experiment; where the pods find the data, the cluster says."""
POD_COMMAND = ("python", "-m", "pipeline.kubeflow.task")


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """Reads the command line; bad usage ends the process with status 2."""
    parser = argparse.ArgumentParser(
        description="Compiles the experiment for Kubeflow Pipelines (v2). Runs nothing.",
        epilog="kubeflow/README.md says how to submit the file.",
    )
    add_options(parser, OPTIONS)
    parser.add_argument("--cluster", type=path_of, default=HERE / "cluster.yaml", help="description of the cluster")
    parser.add_argument(
        "--cluster-set", action="append", default=[], metavar="KEY=VALUE", help="such as retries.times=5"
    )
    parser.add_argument("--image", help="same as --cluster-set image=...")
    parser.add_argument("--data", help="same as --cluster-set data.path=...; can be changed on submission")
    parser.add_argument("--pipeline-root", help="same as --cluster-set pipeline_root=...; can be changed on submission")
    parser.add_argument("--gpus", type=int, help="same as --cluster-set training.gpus=...")
    parser.add_argument("--gpu-type", help="same as --cluster-set training.gpu_type=...")
    parser.add_argument("--output", type=path_of, help="file to write (build/<pipeline>.yaml)")
    return parser.parse_args(argv)


def cluster_from(arguments: argparse.Namespace) -> ClusterConfig:
    """The cluster that the command line describes."""
    given = {
        "image": arguments.image,
        "data.path": arguments.data,
        "pipeline_root": arguments.pipeline_root,
        "training.gpus": arguments.gpus,
        "training.gpu_type": arguments.gpu_type,
    }
    named = [
        f"{key}={text_as_yaml(value) if isinstance(value, str) else value}"
        for key, value in given.items()
        if value is not None
    ]
    return load_cluster(arguments.cluster, (*arguments.cluster_set, *named))


def placed(config: ExperimentConfig, cluster: ClusterConfig) -> ExperimentConfig:
    """The experiment with the paths that the pods see (the workspace is the volume), and as many workers as cores."""
    folder = Path(cluster.weights or f"{cluster.volume.mount}/weights")
    backbones = {
        name: backbone.with_file(folder / backbone.file.name) if backbone.file else backbone
        for name, backbone in config.backbones.items()
    }
    training = cluster.training
    clashing = {one.file.name: one.sha256 for one in backbones.values() if one.file}
    for name, backbone in backbones.items():
        if backbone.file and clashing[backbone.file.name] != backbone.sha256:
            raise ThawError(f"Two backbones, {name} among them, have files of the name {backbone.file.name} and of "
                            "different content, and the pods would see one of them. Rename one.")  # fmt: skip
    # A pod sees all of its node's cores, whatever it asked for.
    workers = config.workers or (1 if training.gpus else max(1, int(training.cpus)))
    return changed(config, workspace=Path(cluster.volume.mount), backbones=backbones, workers=workers)


def compiled(
    config: ExperimentConfig, cluster: ClusterConfig, left_out: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pipeline as Kubeflow's two documents.

    Raises:
      ThawError: kfp is not installed, or the names of nodes clash.
    """
    try:
        from tfx.orchestration.data_types import RuntimeParameter
        from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
    except ModuleNotFoundError as error:
        raise ThawError(f"{error}. Compiling for Kubeflow needs the extra packages: pip install 'thaw[kubeflow]', or "
                        "make setup in a checkout.") from error  # fmt: skip
    from pipeline.dag.dag import Cluster, create_pipeline

    folder = Path(cluster.data.path)
    dataset = Dataset(
        name=cluster.data.name,
        origin=f"Images in {folder} of the cluster.",
        synthetic=cluster.data.name == "SYNTHETIC",
        files=RecordFiles(folder, cluster.data.train, cluster.data.test),
    )
    parameter = RuntimeParameter(compiled_spec.DATA_PATH, str, cluster.data.path)
    pods = Cluster(cluster.pipeline_root, parameter, "GPU" if cluster.training.gpus else "CPU")
    pipeline = create_pipeline(placed(config, cluster), dataset, left_out, pods)
    runner_config = KubeflowV2DagRunnerConfig(
        default_image=cluster.image, default_commands=list(POD_COMMAND), use_pipeline_spec_2_1=True
    )
    job = KubeflowV2DagRunner(runner_config).run(pipeline, write_out=False)
    spec = compiled_spec.finished_spec(job["pipelineSpec"], cluster, pod_checks.expectations())
    return spec, pod_resources.platform_spec(spec, cluster)


def main(argv: list[str]) -> int:
    """Compiles; returns the process's exit status (0 written, 1 the user must act, 130 interrupted)."""
    arguments = parse_arguments(argv)
    logging.getLogger("absl").setLevel(logging.ERROR)

    def compile_pipeline() -> None:
        cluster = cluster_from(arguments)
        config = config_of(arguments.config, arguments.set, vars(arguments), OPTIONS)
        from pipeline.runner.backbone_files import with_files

        config, left_out = with_files(config, HERE.parent, print)
        spec, platform = compiled(config, cluster, left_out)
        output = arguments.output or HERE.parent / "build" / f"{config.pipeline_name}.yaml"
        compiled_spec.write_pipeline(output, spec, platform)
        print(f"{len(spec['root']['dag']['tasks'])} tasks written to {output}")

    return exit_status(compile_pipeline, os.environ)


if __name__ == "__main__":
    end_with(lambda: main(sys.argv[1:]))
