"""One compiled training loop per suffix, reused for every execution. Imports architectures, no sweep and no TFX."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from experiment.stack import Precision
from trainer_module.networks import normalization, weight_values
from trainer_module.networks.precision import computed_in
from trainer_module.training.activation_cache import Activations

RECALIBRATION_BATCHES = 20
CURVE_RECALIBRATION_BATCHES = 5
# Keras's defaults.
ADAM_BETA_1, ADAM_BETA_2, ADAM_EPSILON = 0.9, 0.999, 1e-7


@dataclasses.dataclass(frozen=True)
class Score:
    """A model's scores on labelled images.

    Attributes:
      accuracy: share of correct predictions.
      loss: mean cross-entropy in nats.
      probabilities: float32 array of shape (images, classes).
    """

    accuracy: float
    loss: float
    probabilities: np.ndarray


class Program:
    """Trains part of a network, compiled once; weights and optimiser state are set from outside and reset here.

    Args:
      model: from the activations at a cut to logits [batch, units].
      variables: to be trained.
      statistics_held: True normalises by the moving statistics and leaves them unchanged (phase 2).
      shift_px: images are shifted by up to so many pixels in each direction while training; 0 for activations of other
        cuts.
      precision: of training steps; recalibration and scores are float32.
      held: from the model's output to logits, always in inference mode, if the model does not reach the logits.
    """

    def __init__(
        self,
        model: keras.Model,
        variables: Sequence[keras.Variable],
        *,
        statistics_held: bool,
        shift_px: int = 0,
        precision: Precision = "float32",
        held: keras.Model | None = None,
    ):
        self.model = model
        self.variables = list(variables)
        self.statistics_held = statistics_held
        self.shift_px = shift_px
        self.precision = precision
        self.held = held
        self._moments = [
            tuple(tf.Variable(tf.zeros_like(variable.value), trainable=False) for _ in range(2))
            for variable in self.variables
        ]
        self._statistics = [
            (statistic, layer.momentum)
            for layer in normalization.normalizations(model)
            for statistic in (layer.moving_mean, layer.moving_variance)
        ]
        self._steps_taken = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._shift_seed = tf.Variable(0, dtype=tf.int64, trainable=False)
        inputs = model.inputs[0]
        activations = tf.TensorSpec([None, *inputs.shape[1:]], inputs.dtype)
        self._train = tf.function(
            self._train_steps,
            input_signature=[
                activations,
                tf.TensorSpec([None], tf.int64),
                tf.TensorSpec([None, None], tf.int32),
                tf.TensorSpec([None], tf.float32),
            ],
            autograph=False,
        )
        self._recalibrate = tf.function(
            self._recalibration_steps,
            input_signature=[activations, tf.TensorSpec([None, None], tf.int32)],
            autograph=False,
        )
        self._logits = tf.function(self._inference, input_signature=[activations], autograph=False)

    def recalibrate(self, data: Activations, order: np.ndarray, batches: int = RECALIBRATION_BATCHES) -> None:
        """Sets the moving statistics to those of the trained weights on the last `batches` of the order.

        After some tens of steps from random weights they still lag so far that the network scores at chance in
        inference mode; re-estimating them with fixed weights corrects this (Wu and Johnson, arXiv 2105.07576, section
        3). The same is done for transfers and baselines.
        """
        if self.statistics_held or not self._statistics:
            return
        for statistic, _ in self._statistics:
            statistic.assign(tf.zeros_like(statistic.value))
        last = order[-batches:]
        for portion in data.portions(last):
            self._recalibrate(portion.activations, tf.constant(portion.order, tf.int32))
        for statistic, momentum in self._statistics:
            # A moving average that began at zero is too small by this factor (Adam's bias correction).
            statistic.assign(statistic.value / (1 - momentum ** len(last)))

    def reset(self, dropout_seed: int, *, shift_seed: int = 0) -> None:
        """Resets the optimiser's state, the dropout masks and the shifts."""
        for state in (self._steps_taken, *(moment for pair in self._moments for moment in pair)):
            state.assign(tf.zeros_like(state))
        self._shift_seed.assign(shift_seed)
        weight_values.seed_dropout(self.model, dropout_seed)

    def train(self, data: Activations, order: np.ndarray, rates: np.ndarray) -> float:
        """Takes one step of Adam per row of `order`, with the optimiser as the last call left it.

        Args:
          data: activations at this program's cut.
          order: int32 [steps, batch], the records of each step.
          rates: float32 [steps], the learning rate of each step.

        Returns:
          Loss of the last step; NaN when training diverged.
        """
        loss = float("nan")
        for portion in data.portions(order):
            steps = tf.constant(portion.order, tf.int32), tf.constant(rates[portion.steps], tf.float32)
            loss = float(self._train(portion.activations, tf.constant(portion.labels), *steps))
        return loss

    def evaluate(self, data: Activations, places: np.ndarray | None = None) -> Score:
        """Scores the model in inference mode on all records, or on those at `places`."""
        logits = np.concatenate([self._logits(batch).numpy() for batch in data.batches(places)])
        return score_logits(logits, data.labels if places is None else data.labels[places])

    def _inference(self, activations: tf.Tensor) -> tf.Tensor:
        return self._forward(activations, training=False)

    def _forward(self, activations: tf.Tensor, *, training: bool) -> tf.Tensor:
        reached = self.model(activations, training=training)
        return reached if self.held is None else self.held(reached, training=False)  # [batch, units]

    def _train_steps(self, activations: tf.Tensor, labels: tf.Tensor, order: tf.Tensor, rates: tf.Tensor) -> tf.Tensor:
        def one_step(step: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            batch = order[step]  # [batch]
            inputs = tf.gather(activations, batch)
            if self.shift_px:
                inputs = shifted(inputs, self.shift_px, tf.stack([self._shift_seed, self._steps_taken]))
            return step + 1, self._train_step(inputs, tf.gather(labels, batch), rates[step])

        return _loop(one_step, tf.shape(order)[0])

    def _recalibration_steps(self, activations: tf.Tensor, order: tf.Tensor) -> None:
        def one_step(step: tf.Tensor, nothing: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            self.model(tf.gather(activations, order[step]), training=True)
            return step + 1, nothing

        _loop(one_step, tf.shape(order)[0])

    def _train_step(self, activations: tf.Tensor, labels: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        held = normalization.normalization_held(self.model) if self.statistics_held else contextlib.nullcontext()
        values = [variable.value for variable in self.variables]
        layers = [*self.model.layers, *(self.held.layers if self.held else ())]
        with held, computed_in(self.precision, layers), tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            logits = self._forward(activations, training=True)  # [batch, units]
            loss = cross_entropy(logits, labels)
        self._apply_adam(values, tape.gradient(loss, values), rate)
        return loss

    def _apply_adam(self, values: list[tf.Variable], gradients: list[tf.Tensor], rate: tf.Tensor) -> None:
        """One step of Adam (Kingma and Ba, ICLR 2015, end of section 2, as Keras has it), one kernel per variable.

        Keras's own optimiser adds a dozen operations per variable to the graph, which for MobileNetV2's 158 variables
        take longer to compile and to run than the arithmetic.
        """
        time_step = tf.cast(self._steps_taken.assign_add(1), tf.float32)
        for value, gradient, (mean, variance) in zip(values, gradients, self._moments, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=value.handle, m=mean.handle, v=variance.handle, grad=gradient, lr=rate,
                beta1=ADAM_BETA_1, beta2=ADAM_BETA_2, epsilon=ADAM_EPSILON,
                beta1_power=tf.pow(ADAM_BETA_1, time_step), beta2_power=tf.pow(ADAM_BETA_2, time_step),
            )  # fmt: skip


def _loop(one_step: Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]], steps: tf.Tensor) -> tf.Tensor:
    """Runs (step, value) -> (step + 1, value) for each step, and returns the last value, float32 [].

    Written out, since autograph would first read the source of all that a step calls: a second for each process.
    """
    start = tf.constant(0), tf.constant(0.0)
    return tf.while_loop(lambda step, _: step < steps, one_step, start)[1]


def shifted(images: tf.Tensor, most_px: int, seed: tf.Tensor) -> tf.Tensor:
    """Images [batch, height, width, channels], each shifted by up to `most_px` in each direction, with mirrored edges.

    Padding and cropping at random, as He et al. (arXiv 1512.03385, section 4.2) augment CIFAR-10, with mirrored edges
    instead of black ones.

    Args:
      images: of any dtype.
      most_px: below height and width.
      seed: int64 [2]; equal seeds shift equally.
    """
    batch, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    padding = [[0, 0], [most_px, most_px], [most_px, most_px], [0, 0]]
    padded = tf.pad(images, padding, mode="REFLECT")
    corner = tf.random.stateless_uniform([2, batch, 1], seed, maxval=2 * most_px + 1, dtype=tf.int32)
    rows, columns = corner[0] + tf.range(height), corner[1] + tf.range(width)  # [batch, height] and [batch, width]
    return tf.gather(tf.gather(padded, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy in nats, from logits [batch, units] (one unit: the logit of class 1) and labels [batch]."""
    if logits.shape[-1] == 1:
        truth = tf.cast(labels, logits.dtype)[:, tf.newaxis]
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(truth, logits))
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def class_probabilities(logits: np.ndarray) -> np.ndarray:
    """Probabilities [images, classes] from logits [images, units]; one unit is the logit of class 1 of two."""
    scores = np.asarray(logits, np.float64)
    if scores.shape[-1] == 1:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=-1)
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (shifted / shifted.sum(axis=-1, keepdims=True)).astype(np.float32)


def score_logits(logits: np.ndarray, labels: np.ndarray) -> Score:
    """Accuracy, cross-entropy and probabilities of logits [images, units] against labels [images].

    Both figures come from the float32 probabilities, which the ledger stores exactly. Of classes that are equally
    probable in float32, the first is predicted.
    """
    probabilities = class_probabilities(logits)
    truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    loss = float(-np.log(np.maximum(truth, 1e-12)).mean())
    return Score(float((probabilities.argmax(axis=-1) == labels).mean()), loss, probabilities)
