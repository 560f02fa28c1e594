"""Reads a .keras file of the user's, or says what is wrong with it. Imports keras, nothing from the networks."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import keras

from experiment.errors import ThawError

MOST_QUOTED = 200
"""Characters of a library's own message that are shown."""


def load_file(path: Path) -> keras.Model:
    """The model of a .keras file, with its weights; no code of the file is run.

    Raises:
      ThawError: it is not such a file, or its model does not have one input of images and one output.
    """
    if path.suffix != ".keras":
        raise ThawError(f"{path} is not a .keras file. Load it where it was made, and save it: "
                        "model.save('mine.keras').")  # fmt: skip
    what = _other_content(path)
    if what:
        raise ThawError(f"{path} can't be read as a Keras model: {what}. Expected what model.save('mine.keras') "
                        "writes; load the model where it was made, and save it so.")  # fmt: skip
    try:
        whole = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # zipfile, JSON, h5py and Keras each raise their own
        raise ThawError(f"{path} can't be read as a Keras model ({in_a_line(error)}). Expected a .keras file of "
                        "layers that Keras knows, as model.save writes it.") from error  # fmt: skip
    if not isinstance(whole, keras.Sequential | keras.src.models.Functional) or not whole.built:
        raise ThawError(f"{path} has no model whose layers Thaw can read. Expected a Functional model, or a "
                        "Sequential one that was built, not a class of your own.")  # fmt: skip
    if len(whole.inputs) != 1 or len(whole.outputs) != 1 or len(whole.inputs[0].shape) != 4:
        shapes = [tuple(tensor.shape) for tensor in (*whole.inputs, *whole.outputs)]
        raise ThawError(f"{path}: expected one input of images and one output, got the shapes {shapes}.")
    return whole


def _other_content(path: Path) -> str:
    """Why a file can't be a .keras file; empty if it may be one."""
    if path.is_dir():
        return "it is a folder"
    if not path.exists():
        return "there is no such file"
    with path.open("rb") as file:
        begin = file.read(8)
    if not begin:
        return "it is empty"
    if begin.startswith(b"\x89HDF"):
        return "it is an HDF5 file, like those named .h5"
    if not zipfile.is_zipfile(path):
        return "it is not a zip archive, or it is cut short"
    with zipfile.ZipFile(path) as archive:
        return "" if "config.json" in archive.namelist() else "it is a zip archive without a Keras model"


def in_a_line(error: Exception) -> str:
    """A library's message, without terminal colours, the list of arguments and a layer's configuration."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    if unknown := re.search(r"Could not locate class '([^']*)'", text):
        return f"it has a layer of the class {unknown[1]}, which Keras does not know"
    text = re.split(r"Arguments received|Full object config|config=\{", text)[0]
    text = re.sub(r"\s+", " ", text).strip().rstrip(".")
    return text if len(text) <= MOST_QUOTED else f"{text[:MOST_QUOTED]} ..."
