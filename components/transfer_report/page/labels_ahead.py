"""How many labels it will take, in words and as a table's fields, from summary.json's values. Imports only formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.statistics import formats

Values = Mapping[str, Any]


def images_in_words(images: Values, smallest: float, largest: float) -> str:
    """`620 [480, 910]`, `4,300 [2,100, >20,000]`, `more than 20,000`, `at most 50`, `unknown [≤50, >20,000]`.

    Args:
      images: low, expected and high; None where they are more than the largest.
      smallest, largest: sizes of the curve.
    """
    low, expected, high = (images[name] for name in ("low", "expected", "high"))
    if low is None:
        return f"more than {rounded(largest)}"
    if high is not None and high <= smallest:
        return f"at most {rounded(smallest)}"
    middle, *bounds = (_bound(one, smallest, largest) for one in (expected, low, high))
    return f"{'unknown' if _tells_nothing(images, smallest) else middle} [{', '.join(bounds)}]"


def rounded(n: float) -> str:
    """To two digits: `4,300`."""
    return f"{float(f'{n:.2g}'):,.0f}"


def accuracy_in_words(one: Values) -> str:
    """`92.1% [89.8, 94.0]`; beyond the curve a dash."""
    if one["expected"] is None:
        return "-"
    return f"{formats.percent(one['expected'])} {formats.percent_interval((one['low'], one['high']))}"


def label_rows(labels: Values) -> list[dict[str, Any]]:
    """A row for each curve: its name, accuracy measured at the largest size, fields ahead, images; or why none."""
    return [
        {
            "name": one["name"],
            "measured": f"{formats.percent(one['points'][-1]['accuracy'])} at n = {one['points'][-1]['n']:,}"
            if one["points"]
            else "-",
            "ahead": [] if one["silent"] else [accuracy_in_words(place) for place in one["ahead"]],
            "images": "" if one["silent"] else images_of(one),
            "silent": one["silent"],
            "is_winner": one["name"] == labels["winner"],
        }
        for one in labels["curves"]
    ]


def images_of(curve: Values) -> str:
    """The images that the wanted accuracy needs, in words."""
    return images_in_words(curve["images"], curve["sizes"][0], curve["sizes"][-1])


def label_sentences(labels: Values) -> list[str]:
    """The winner's answer, where both curves meet, and what the curves rest on, as sentences."""
    winner = next(one for one in labels["curves"] if one["name"] == labels["winner"])
    if winner["silent"]:
        return [f"{winner['name']}: no forecast. {winner['silent']}", *_notes(labels["curves"])]
    ahead = [f"{accuracy_in_words(place)} with {place['n']:,}" for place in winner["ahead"] if place["expected"]]
    wished = wished_in_words(labels["wished_accuracy"])
    reach = f"{winner['name']} is expected to reach {', '.join(ahead)} images."
    if not ahead:
        reach = f"{winner['name']}: no forecast beyond {rounded(winner['sizes'][-1])} images, where its curve ends."
    return [
        reach,
        _takes(winner, wished),
        *_met(labels),
        *_notes(labels["curves"]),
    ]


def silent_sentences(labels: Values) -> list[str]:
    """Why there is no forecast for curves other than the winner's."""
    others = (one for one in labels["curves"] if one["silent"] and one["name"] != labels["winner"])
    return [f"{one['name']}: no forecast. {one['silent']}" for one in others]


def wished_in_words(accuracy: float) -> str:
    """Such as 95.0%, with as many digits as were asked for: 99.9999% is not 100.0%."""
    return formats.percent(accuracy) if round(accuracy, 3) == accuracy else f"{100 * accuracy:.10f}".rstrip("0") + "%"


def _takes(curve: Values, wished: str) -> str:
    images, smallest, last = curve["images"], curve["sizes"][0], rounded(curve["sizes"][-1])
    if images["low"] is None:
        return f"For {wished} it takes more than {last} images, as far as the curve is known."
    if _tells_nothing(images, smallest):
        return (f"How many images {wished} needs is unknown: every number from {rounded(smallest)} or fewer to more "
                f"than {last} is consistent with the measurements.")  # fmt: skip
    if images["expected"] is None:
        low = _bound(images["low"], smallest, curve["sizes"][-1])
        return (f"For {wished} it is expected to take more than {last} images, as far as the curve is known, but may "
                f"take only {low}.")  # fmt: skip
    return f"For {wished} it takes {images_of(curve)} images."


def _tells_nothing(images: Values, smallest: float) -> bool:
    """Whether the interval covers all sizes of the curve, so that its middle means nothing."""
    return images["low"] is not None and images["low"] <= smallest and images["high"] is None


def _met(labels: Values) -> list[str]:
    """From how many images on training from scratch is about as good."""
    met = labels["met"]
    if met is None:
        return ["There is no estimate of when training from scratch catches up."]
    last = rounded(met["largest"])
    if met["low"] is None:
        return [f"Training from scratch stays more than a point behind up to {last} images."]
    if met["expected"] is None:
        return [f"Training from scratch is expected to stay more than a point behind up to {last} images, but may "
                f"catch up at {rounded(met['low'])}."]  # fmt: skip
    if met["expected"] <= labels["n"]:
        return [
            f"Training from scratch is expected to be less than a point behind with {labels['n']:,} images already."
        ]
    if _tells_nothing(met, labels["n"]):
        return ["It is unknown how many images training from scratch needs to be less than a point behind: perhaps "
                f"{labels['n']:,}, perhaps more than {last}."]  # fmt: skip
    return [f"From {images_in_words(met, labels['n'], met['largest'])} images on, training from scratch is expected to "
            "be less than a point behind: the transfer then gains less than a point."]  # fmt: skip


def _notes(curves: Sequence[Values]) -> list[str]:
    """What a curve uses other than fresh draws, in one note for all curves of the same sizes; sizes that collapsed."""
    searched: dict[str, list[str]] = {}
    for one in curves:
        sizes = ", ".join(f"n = {point['n']:,}" for point in one["points"] if not point["fresh"])
        if sizes:
            searched.setdefault(sizes, []).append(one["name"])
    notes = [
        f"{', '.join(names)}: no fresh draws at {sizes}. The curve uses the search's draws there, which overestimate a "
        "little: val chose the cell on them."
        for sizes, names in searched.items()
    ]
    for one in curves:
        if one["collapsed"] and not one["silent"]:
            sizes = ", ".join(f"n = {n:,}" for n in one["collapsed"])
            notes.append(f"{one['name']}: every training at {sizes} collapsed, so the curve says nothing there.")
    return notes


def _bound(value: float | None, smallest: float, largest: float) -> str:
    if value is None:
        return f">{rounded(largest)}"
    return f"≤{rounded(smallest)}" if value <= smallest else rounded(value)
