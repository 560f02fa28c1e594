"""A source's card, written next to its model, and the checks whether that model may be transferred. Imports no
TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy.special import bdtrc

from experiment.errors import REPAIR, ThawError

CARD_FILE = "thaw.json"

MOST_LUCK = 0.01
"""A source is transferred if guessing would have reached its val accuracy in fewer than this share of trainings."""


def check_unaltered(folder: str, weights_hash: str) -> None:
    """Rejects a model that is not the one that its card was written for.

    Args:
      folder: of the model and its card.
      weights_hash: hash of the backbone's weights as they were read (freezing.weights_hash).

    Raises:
      ThawError: they differ from those on the card, or there is no card.
    """
    expected = _read(folder).get("backbone_hash")
    if weights_hash != expected:
        raise ThawError(
            f"The source model {folder} was altered after it was trained: its weights have the hash {weights_hash}, "
            f"and its {CARD_FILE} says {expected}. {REPAIR}"
        )


def check_trained(folder: str) -> None:
    """Rejects a model whose accuracy on its own val images is no better than guessing may reach.

    Guessing means always predicting the largest class. The binomial tail is multiplied by the number of moments that
    the best was chosen from. ImageNet's weights have no val images here and pass.

    Args:
      folder: of the model and its card.

    Raises:
      ThawError: it did not, or there is no card.
    """
    card = _read(folder)
    history = card.get("val_accuracy_by_step")
    if history is None:
        return
    best = max(accuracy for _, accuracy in history)
    missing = [name for name in ("val_images", "val_largest_class") if name not in card]
    if missing:
        raise ThawError(f"{Path(folder) / CARD_FILE} lacks {' and '.join(missing)}, so whether the source learned "
                        f"anything can't be checked. {REPAIR}")  # fmt: skip
    images, chance = card["val_images"], card["val_largest_class"]
    luck = luck_of([accuracy for _, accuracy in history], images, chance)
    if luck >= MOST_LUCK:
        raise ThawError(
            f"The source {card.get('name')} learned nothing worth transferring: its best val accuracy is {best:.1%} "
            f"of {images} images, which chance alone gives with probability {luck:.2g}; guessing gives {chance:.1%}. "
            "Train it longer (source_schedule), or set allow_untrained_sources: true to transfer it anyway."
        )


def luck_of(accuracies: Sequence[float], images: int, chance: float) -> float:
    """Bound on the probability that guessing is as good as the best of several looks at the same images.

    P(X >= right answers of the best), X binomial (images, chance), times the number of looks (Bonferroni), at most 1.
    """
    right = round(max(accuracies) * images)
    return min(1.0, len(accuracies) * float(bdtrc(right - 1, images, chance)) if right else 1.0)


def _read(folder: str) -> dict[str, Any]:
    path = Path(folder) / CARD_FILE
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ThawError(f"The source model {folder} has no readable {CARD_FILE} ({error}), so what it is can't be "
                        f"checked. {REPAIR}") from error  # fmt: skip
    if not isinstance(card, dict):
        raise ThawError(f"{path} should hold an object, but holds {type(card).__name__}. {REPAIR}")
    return card
