"""Components with one input for each transfer, made when the transfers are known. Imports TFX and no component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from tfx import types
from tfx.dsl.components.base import (
    base_beam_component,
    base_beam_executor,
    base_component,
    base_executor,
    executor_spec,
)
from tfx.types import component_spec

Value = TypeVar("Value")


def named(kind: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values by names of inputs, `<kind>_of_<name>`."""
    return {f"{kind}_of_{name}": value for name, value in values.items()}


def of_kind(kind: str, inputs: Mapping[str, Value]) -> dict[str, Value]:
    """The inputs to which `named` gave this kind, by their original names, in the order of the inputs."""
    prefix = f"{kind}_of_"
    return {name.removeprefix(prefix): value for name, value in inputs.items() if name.startswith(prefix)}


def make_component(
    name: str,
    executor: type[base_executor.BaseExecutor],
    inputs: Mapping[str, types.BaseChannel],
    outputs: Mapping[str, type[types.Artifact]],
    parameters: Mapping[str, str],
) -> base_component.BaseComponent:
    """Makes a node; TFX reads the inputs from the class of a specification, so each set of inputs needs its own class.

    Args:
      name: of the component.
      executor: its module counts as the component's.
      inputs: by name.
      outputs: type by name; a type of our own could not be read back in Kubeflow.
      parameters: text by name; in the key of TFX's cache.
    """
    specification = type(
        f"{name}Spec",
        (component_spec.ComponentSpec,),
        {
            "PARAMETERS": {key: component_spec.ExecutionParameter(type=str) for key in parameters},
            "INPUTS": {key: component_spec.ChannelParameter(type=channel.type) for key, channel in inputs.items()},
            "OUTPUTS": {key: component_spec.ChannelParameter(type=kind) for key, kind in outputs.items()},
        },
    )
    on_beam = issubclass(executor, base_beam_executor.BaseBeamExecutor)
    run_by = executor_spec.BeamExecutorSpec if on_beam else executor_spec.ExecutorClassSpec
    component = type(
        name,
        (base_beam_component.BaseBeamComponent if on_beam else base_component.BaseComponent,),
        {
            "SPEC_CLASS": specification,
            "EXECUTOR_SPEC": run_by(executor),
            "__module__": executor.__module__,
        },
    )
    channels = {key: types.Channel(type=kind) for key, kind in outputs.items()}
    return component(specification(**parameters, **inputs, **channels))
