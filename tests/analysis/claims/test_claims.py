"""Each claim supported, contradicted and undecided by grids made so, and what it takes. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.cells.cell_summaries import summarise
from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.claims.claim import TEXTS, Claim, verdict_of
from analysis.claims.claims import cells_of_claims, judge_claims, write_claims
from analysis.claims.claims_on_size import negative_transfer_at_very_small_n
from analysis.statistics.paired_intervals import Interval

Accuracy = Callable[[str, int, int, bool], float]
FIVE = ("baseline__original", "baseline__mobilenet_v2", "cats_dogs__original", "ships_planes__original",
        "imagenet__mobilenet_v2")  # fmt: skip


def with_gain(by_size: dict[int, float], tuned: float = 0.0, frozen: float = 0.0) -> Accuracy:
    """Baselines at 60%, transfers that gain by size, by fine-tuning and by freezing 8 layers."""

    def accuracy(sweep: str, n: int, freeze_count: int, fine_tune: bool) -> float:
        if sweep.startswith("baseline"):
            return 0.6
        return 0.6 + by_size[n] + tuned * fine_tune + frozen * (freeze_count == 8)

    return accuracy


def by_sweep(accuracies: dict[str, float]) -> Accuracy:
    return lambda sweep, n, freeze_count, fine_tune: accuracies.get(sweep, 0.6)


def judged(grid: Grid, fresh: Grid | None = None) -> dict[str, Claim]:
    """By id; without fresh draws the search's own stand for them."""
    return {claim.id: claim for claim in judge_claims(grid, summarise(grid.ledgers), fresh or grid)}


FLAT = dict.fromkeys((10, 200, 2000), 0.1)
BOTH = ("baseline__original", "cats_dogs__original", "ships_planes__original")


@pytest.mark.parametrize(
    ("claim", "accuracy", "verdict"),
    [
        ("C1", with_gain({10: 0.05, 200: 0.3, 2000: 0.05}), "supported"),
        ("C1", with_gain({10: 0.05, 200: 0.1, 2000: 0.3}), "contradicted"),
        ("C1", with_gain(FLAT), "undecided"),
        ("C2", with_gain({10: -0.1, 200: 0.1, 2000: 0.1}), "supported"),
        ("C2", with_gain(FLAT), "contradicted"),
        ("C2", with_gain({10: 0.0, 200: 0.1, 2000: 0.1}), "undecided"),
        ("C3", with_gain({10: 0.1, 200: 0.3, 2000: 0.1}), "supported"),
        ("C3", with_gain({10: 0.1, 200: 0.1, 2000: 0.3}), "contradicted"),
        ("C3", with_gain(FLAT), "undecided"),
        ("C4", with_gain(FLAT, tuned=0.1), "supported"),
        ("C4", with_gain(FLAT, tuned=-0.1), "contradicted"),
        ("C4", with_gain(FLAT), "undecided"),
        ("C5", with_gain(FLAT, tuned=-0.1), "supported"),
        ("C5", with_gain(FLAT, tuned=0.1), "contradicted"),
        ("C5", with_gain(FLAT), "undecided"),
        ("C6", with_gain(FLAT, frozen=0.1), "supported"),
        ("C6", with_gain(FLAT, frozen=-0.1), "contradicted"),
        ("C6", with_gain(FLAT), "undecided"),
        ("C8", by_sweep({"cats_dogs__original": 0.7, "ships_planes__original": 0.8}), "supported"),
        ("C8", by_sweep({"cats_dogs__original": 0.8, "ships_planes__original": 0.7}), "contradicted"),
        ("C8", by_sweep({}), "undecided"),
    ],
)
def test_a_claim_is_judged_by_its_cells(
    grid_of: Callable[..., Grid], claim: str, accuracy: Accuracy, verdict: str
) -> None:
    found = judged(grid_of(accuracy, BOTH))[claim]
    assert found.verdict == verdict
    assert found.difference is not None
    assert found.sentence


@pytest.mark.parametrize(
    ("cats_dogs", "ships_planes", "verdict"),
    [(0.7, 0.7, "supported"), (0.7, 0.95, "contradicted"), (0.7, 0.8, "undecided")],
)
def test_mobilenet_is_never_beaten_only_if_it_leads_everywhere(
    grid_of: Callable[..., Grid], cats_dogs: float, ships_planes: float, verdict: str
) -> None:
    accuracy = by_sweep({
        "cats_dogs__original": cats_dogs, "ships_planes__original": ships_planes, "imagenet__mobilenet_v2": 0.8,
    })  # fmt: skip
    found = judged(grid_of(accuracy, FIVE, counts=(8, 18)))["C7"]
    assert found.verdict == verdict
    assert found.difference is not None
    assert found.difference.estimate == pytest.approx(100 * (0.8 - max(cats_dogs, ships_planes)))
    assert len(found.numbers) == 6


def test_a_model_of_the_users_is_no_domain_of_the_data(grid_of: Callable[..., Grid]) -> None:
    accuracy = by_sweep({"cats_dogs__original": 0.7, "imagenet__mobilenet_v2": 0.8, "pretrained__net": 0.9})
    claim = judged(grid_of(accuracy, ("baseline__original", "baseline__mobilenet_v2", "baseline__net",
                                      "cats_dogs__original", "imagenet__mobilenet_v2", "pretrained__net"),
                           counts=(8, 18)))["C7"]  # fmt: skip
    assert claim.verdict == "supported" and claim.difference is not None
    assert claim.difference.estimate == pytest.approx(10)


def test_every_mobilenet_is_held_against_the_domains_by_its_name(grid_of: Callable[..., Grid]) -> None:
    wide = "imagenet__mobilenet_v2_wide"
    accuracy = by_sweep({"cats_dogs__original": 0.7, "imagenet__mobilenet_v2": 0.8, wide: 0.75})
    claim = judged(grid_of(accuracy, ("baseline__original", "baseline__mobilenet_v2", "baseline__mobilenet_v2_wide",
                                      "cats_dogs__original", "imagenet__mobilenet_v2", wide),
                           counts=(8, 18)))["C7"]  # fmt: skip
    assert claim.difference is not None and claim.difference.estimate == pytest.approx(5)
    assert f"{wide} leads by" in claim.sentence and len(claim.numbers) == 6
    assert {one.label for one in claim.numbers} >= {f"cats_dogs__original, n = 10, against {wide}"}


def test_the_differences_are_those_stated(grid_of: Callable[..., Grid]) -> None:
    claims = judged(grid_of(with_gain({10: 0.05, 200: 0.3, 2000: 0.1}, tuned=-0.05), BOTH))
    for name, points in (("C1", 20), ("C3", 20), ("C4", -5), ("C5", 5)):
        difference = claims[name].difference
        assert difference is not None
        assert difference.estimate == pytest.approx(points, abs=1e-3), name
    assert "a drop of +20.0 points" in claims["C3"].sentence


def test_the_sentence_and_the_numbers_of_c5_have_the_sign_of_what_was_compared(grid_of: Callable[..., Grid]) -> None:
    claim = judged(grid_of(with_gain(FLAT, tuned=-0.05), BOTH))["C5"]
    assert claim.compared.startswith("accuracy not fine-tuned minus fine-tuned") and claim.verdict == "supported"
    assert "not fine-tuned differ from the same ones fine-tuned by +5.0 points" in claim.sentence
    assert [round(one.points.estimate, 3) for one in claim.numbers] == [5.0]


def test_one_cell_is_not_called_cells(grid_of: Callable[..., Grid]) -> None:
    grid = grid_of(with_gain({10: -0.1}), BOTH[:2], sizes=(10,), counts=(8,))
    claims = judged(grid)
    assert "Of 2 cells at n = 10, " in claims["C2"].sentence and "averaged over 1 pair." in claims["C5"].sentence
    assert "mean of 1 pair with" in claims["C5"].compared


def test_imagenet_is_no_domain_of_the_data(grid_of: Callable[..., Grid]) -> None:
    def accuracy(sweep: str, n: int, freeze_count: int, fine_tune: bool) -> float:
        return 0.3 if sweep.startswith("imagenet") else 0.7 if sweep.startswith(("cats", "ships")) else 0.6

    # ImageNet's loss against its baseline would support C2.
    assert judged(grid_of(accuracy, FIVE, counts=(8, 18)))["C2"].verdict == "contradicted"


def test_one_draw_decides_nothing_and_says_so(grid_of: Callable[..., Grid]) -> None:
    claims = judged(grid_of(with_gain({10: -0.1, 200: 0.3, 2000: 0.1}, tuned=0.1), FIVE, counts=(2, 8, 18), draws=1))
    assert {claim.verdict for claim in claims.values()} == {"undecided"}
    assert all("One draw can't distinguish" in claim.sentence for claim in claims.values())


def test_the_cell_nearest_to_a_loss_is_that_of_the_smallest_gain_where_p_values_are_equal(
    grid_of: Callable[..., Grid],
) -> None:
    """With one draw every p-value is 1: not the first cell of the ledger, but the worst one is named."""

    def accuracy(sweep: str, n: int, freeze_count: int, fine_tune: bool) -> float:
        return 0.6 if sweep.startswith("baseline") else 0.8 if freeze_count == 2 else 0.65

    for draws in (1, 3):
        sentence = judged(grid_of(accuracy, BOTH, draws=draws))["C2"].sentence
        assert "the nearest to a loss is +5.0 points" in sentence and "n = 10, k = 8" in sentence


def test_an_interval_below_zero_that_is_no_loss_among_so_many_cells_says_so(grid_of: Callable[..., Grid]) -> None:
    grid = grid_of(with_gain({10: 0.0, 200: 0.1, 2000: 0.1}), BOTH)
    found = summarise(grid.ledgers)
    [first, *others] = found.transfers["cats_dogs__original"]
    for high, p_value, said in ((-1.0, 0.03, True), (1.0, 0.1, False)):
        worst = dataclasses.replace(first, gain_points=Interval(-9.0, -5.0, high, 3), p_value=p_value)
        transfers = {**found.transfers, "cats_dogs__original": [worst, *others]}
        claim = negative_transfer_at_very_small_n(grid, dataclasses.replace(found, transfers=transfers))
        assert (claim.verdict, "not allow for so many cells" in claim.sentence) == ("undecided", said)


def test_claims_on_all_cells_are_not_decided_by_those_that_a_search_chose_to_train(
    grid_of: Callable[..., Grid],
) -> None:
    grid = grid_of(with_gain({10: -0.1, 200: 0.3, 2000: 0.1}, tuned=0.1), BOTH)
    whole, some = (
        {claim.id: claim for claim in judge_claims(grid, summarise(grid.ledgers), grid, complete=complete)}
        for complete in (True, False)
    )
    assert whole["C4"].verdict == "supported" and some["C4"].verdict == "undecided"
    assert whole["C5"].verdict == "contradicted" and some["C5"].verdict == "undecided"
    assert some["C4"].difference == whole["C4"].difference and "search=grid trains all" in some["C4"].sentence
    assert [some[name] for name in ("C1", "C3", "C7")] == [whole[name] for name in ("C1", "C3", "C7")]


def test_what_is_near_to_cars_and_trucks_says_nothing_of_other_targets(grid_of: Callable[..., Grid]) -> None:
    grid = grid_of(by_sweep({"cats_dogs__original": 0.7, "ships_planes__original": 0.8}), BOTH)
    others = pair_ledgers(
        (dataclasses.replace(sweep.header, classes=("deer", "horse")), sweep.rows) for sweep in grid.sweeps.values()
    )
    claim = judged(Grid(others))["C8"]
    assert claim.sentence == "Not measured: it takes the target automobile and truck."


def test_a_claim_whose_cells_were_not_run_says_what_it_takes(grid_of: Callable[..., Grid]) -> None:
    claims = judged(grid_of(with_gain({50: 0.1}), ("baseline__original", "cats_dogs__original"), (50,), (8,)))
    missing = {name for name, claim in claims.items() if not claim.measured}
    assert missing == {"C1", "C2", "C3", "C4", "C6", "C7", "C8"}
    assert all(claims[name].sentence.startswith("Not measured: it takes ") for name in missing)
    assert {claims[name].verdict for name in missing} == {"undecided"}


def test_without_fine_tuning_c5_is_not_measured(grid_of: Callable[..., Grid]) -> None:
    grid = grid_of(with_gain({50: 0.1}), ("baseline__original", "cats_dogs__original"), (50,), (2,))
    assert not judged(grid)["C5"].measured


def test_what_val_chose_is_judged_by_fresh_draws_and_all_else_by_the_search(grid_of: Callable[..., Grid]) -> None:
    """On the search's draws all is clear; on fresh ones no chosen cell gains anything."""
    lucky = grid_of(with_gain({10: 0.05, 200: 0.3, 2000: 0.05}, tuned=0.1), FIVE, counts=(2, 8, 18))
    plain = grid_of(by_sweep({}), FIVE, counts=(2, 8, 18))
    found, by_search = judged(lucky, plain), judged(lucky)
    assert {by_search[name].verdict for name in ("C1", "C3", "C4")} == {"supported"}
    assert {found[name].verdict for name in ("C1", "C3", "C6", "C7")} == {"undecided"}
    assert all(found[name].measured for name in ("C1", "C3", "C6", "C7"))
    assert [found[name] for name in ("C2", "C4", "C5", "C8")] == [by_search[name] for name in ("C2", "C4", "C5", "C8")]


def test_claims_on_chosen_cells_are_not_measured_where_these_have_no_fresh_draws(grid_of: Callable[..., Grid]) -> None:
    grid = grid_of(with_gain({10: 0.05, 200: 0.3, 2000: 0.05}), FIVE, counts=(2, 8, 18))
    found = judged(grid, grid_of(with_gain(FLAT), FIVE, (10,), (2, 8, 18)))
    for name in ("C1", "C3", "C7"):
        assert not found[name].measured and "confirmation.every_transfer" in found[name].sentence
    assert found["C6"].measured and found["C4"].measured


def test_the_cells_of_claims_are_the_frozen_mobilenet_and_the_best_on_both_sides_of_half(grid_of) -> None:
    grid = grid_of(with_gain({10: 0.05, 200: 0.3}), FIVE, (10, 200), (2, 8, 18))
    found = cells_of_claims(grid)
    assert {("imagenet__mobilenet_v2", n) for n in (10, 200)} <= {(name, cell.n) for name, cell in found}
    sides = {(name, cell.freeze_count) for name, cell in found if cell.n == 10 and name == "cats_dogs__original"}
    assert {count <= 4 for _, count in sides} == {True, False}


def test_of_equal_cells_claims_compare_those_that_val_chooses_elsewhere(grid_of: Callable[..., Grid]) -> None:
    found = cells_of_claims(grid_of(with_gain({10: 0.1}), FIVE, (10,), (2, 4, 6, 8, 18)))
    sides = {(cell.freeze_count, cell.fine_tune) for name, cell in found if name == "cats_dogs__original"}
    assert sides == {(4, False), (18, False)}


def test_of_sizes_with_equal_gains_on_val_the_first_is_taken_and_not_that_of_the_last_bit(
    grid_of: Callable[..., Grid],
) -> None:
    def accuracy(sweep: str, n: int, freeze_count: int, fine_tune: bool) -> float:
        return {10: 0.6, 200: 0.7}[n] + 0.1 * (not sweep.startswith("baseline"))  # 0.8 - 0.7 > 0.7 - 0.6

    claim = judged(grid_of(accuracy, BOTH, (10, 200)))["C1"]
    assert "is largest at n = 10, outside 100 to 400" in claim.sentence


def test_the_file_holds_every_claim_with_its_figures(grid_of: Callable[..., Grid], tmp_path: Path) -> None:
    grid = grid_of(with_gain({10: 0.05, 200: 0.3, 2000: 0.1}), BOTH)
    write_claims(tmp_path / "claims.json", judge_claims(grid, summarise(grid.ledgers), grid), {"data": "CIFAR-10"})
    content = json.loads((tmp_path / "claims.json").read_text())
    assert content["data"] == "CIFAR-10"
    assert [claim["id"] for claim in content["claims"]] == list(TEXTS)
    first, seventh = content["claims"][0], content["claims"][6]
    assert first["verdict"] == "supported"
    assert first["difference"]["interval_points"][0] > 0
    assert [number["label"] for number in first["numbers"]] == [f"mean gain at n = {n}" for n in (10, 200, 2000)]
    assert (seventh["measured"], seventh["difference"]) == (False, None)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        (Interval(1, 2, 3, 2), "supported"),
        (Interval(-3, -2, -1, 2), "contradicted"),
        (Interval(-1, 2, 3, 2), "undecided"),
        (Interval(1, 2, 3, 1), "undecided"),
    ],
)
def test_a_verdict_needs_two_draws_and_an_interval_on_one_side(interval: Interval, verdict: str) -> None:
    assert verdict_of(interval) == verdict
