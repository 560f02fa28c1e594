"""The stock way to try one cell: a KerasTuner trial that builds, compiles and fits. Imports no engine of Thaw."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import keras
import keras_tuner
import numpy as np

from ledger.cell_selection import Cell
from trainer_module.networks.normalization import FusedBatchNormalization


@dataclasses.dataclass(frozen=True)
class StockData:
    """One draw of the target in memory: the records trained on, val and test; uint8 images, int64 labels."""

    train: tuple[np.ndarray, np.ndarray]
    val: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


class StockTrial(keras_tuner.HyperModel):
    """Transfer learning as Keras's guide has it, in one KerasTuner trial.

    Phase 1 fits with the first layers frozen; phase 2, if requested, unfreezes all but the statistics of
    BatchNormalization, compiles again with a low learning rate, and fits for a third as many epochs.

    Args:
      source: .keras file of the source.
      layers: names of the layers with weights, grouped by freezable layer.
      cell: what to train; its n is that of the data.
      data: the draw.
      epochs: of phase 1.
      seed: of head, batches and dropout.
      policy: Keras's dtype policy of all layers but the head, which is float32, as Keras's guide to mixed precision
        has it.
    """

    def __init__(
        self, source: Path, layers: tuple[tuple[str, ...], ...], cell: Cell, data: StockData, epochs: int, seed: int,
        policy: str = "float32",
    ):  # fmt: skip
        super().__init__()
        self.source, self.layers, self.cell, self.data = source, layers, cell, data
        self.epochs, self.seed, self.policy = epochs, seed, policy
        self.test_accuracy = float("nan")

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        keras.utils.set_random_seed(self.seed)
        loaded = keras.saving.load_model(self.source, compile=False)
        model = keras.models.clone_model(loaded, clone_function=self._stock_layer)
        model.set_weights(loaded.get_weights())
        backbone = model.layers[-2].output
        model = keras.Model(model.input, keras.layers.Dense(1, name="new_head", dtype="float32")(backbone))
        for name in (name for group in self.layers[: hp.Fixed("k", self.cell.freeze_count)] for name in group):
            model.get_layer(name).trainable = False
        self._compile(model, 1e-3)
        return model

    def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model, *args: object, **kwargs: object) -> float:
        images, labels = self.data.train
        model.fit(images, labels, batch_size=32, epochs=self.epochs, verbose=0)
        if self.cell.fine_tune:
            for layer in model.layers:
                layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
            self._compile(model, 1e-4)
            model.fit(images, labels, batch_size=32, epochs=max(1, round(self.epochs / 3)), verbose=0)
        accuracies = [model.evaluate(*split, batch_size=500, verbose=0)[1] for split in (self.data.val, self.data.test)]
        self.test_accuracy = accuracies[1]
        return -accuracies[0]

    def _stock_layer(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        """The layer with Keras's own normalisation, in the trial's dtype policy."""
        made = keras.layers.BatchNormalization if isinstance(layer, FusedBatchNormalization) else layer.__class__
        settings = layer.get_config()
        return made.from_config(settings if made is keras.layers.InputLayer else {**settings, "dtype": self.policy})

    def _compile(self, model: keras.Model, learning_rate: float) -> None:
        model.compile(
            keras.optimizers.Adam(learning_rate),
            keras.losses.BinaryCrossentropy(from_logits=True),
            metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
        )


def run_trial(trial: StockTrial) -> float:
    """Lets KerasTuner run the one trial; returns accuracy on test."""
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.RandomSearch(trial, max_trials=1, directory=folder, project_name="stock")
        tuner.search(verbose=0)
    keras.utils.clear_session()
    return trial.test_accuracy
