"""PSI and KS, against cases made by hand and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from galley.review.drift import by_chance, counted, drift, ks, psi


def of(shares):
    """A hundred texts in these shares."""
    return pd.Series([value for value, share in shares.items() for _ in range(share)])


def test_the_index_of_two_categories_is_the_sum_one_works_out_by_hand():
    found = psi(of({"a": 50, "b": 50}), of({"a": 80, "b": 20}))
    assert found == pytest.approx(0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5))


def test_the_index_of_numbers_counts_in_tenths_of_what_was_before():
    before = pd.Series(np.arange(1000.0))
    now = pd.Series(np.r_[np.arange(500.0), np.arange(500.0)])  # the lower five tenths, twice
    empty = 1e-4
    expected = 5 * (0.1 * np.log(0.2 / 0.1)) + 5 * ((empty - 0.1) * np.log(empty / 0.1))
    assert psi(before, now) == pytest.approx(expected)


def test_the_same_rows_have_not_drifted():
    values = pd.Series(np.random.default_rng(0).normal(size=500))
    assert psi(values, values) == 0
    assert ks(values, values) == 0


def test_missing_is_a_value_of_its_own():
    before = pd.Series([1.0, 2.0, 3.0, 4.0] * 10)
    now = before.mask(np.arange(40) < 20)
    assert counted(before, now).loc["(missing)"].to_dict() == {"before": 0, "now": 0.5}
    assert psi(before, now) > 1


def test_a_new_category_counts_as_other():
    shares = counted(of({"a": 60, "b": 40}), of({"a": 60, "z": 40}))
    assert shares.loc["(other)"].to_dict() == {"before": 0, "now": 0.4}


@pytest.mark.parametrize("now", [[0.0, 0.0, 5.0, 5.0], [-5.0, -5.0, 0.0, 0.0], [np.nan, np.nan, 0.0, 0.0]])
def test_a_column_of_one_value_drifts_when_others_come(now):
    assert psi(pd.Series([0.0] * 4), pd.Series([0.0] * 4)) == 0
    assert psi(pd.Series([0.0] * 4), pd.Series(now)) > 0.25


def test_a_value_that_fills_tenths_alone_is_a_bin_between_two_others():
    dry = pd.Series([0.0] * 80 + list(np.linspace(0.1, 1, 20)))
    assert counted(dry, dry)["before"].loc["0"] == 0.8
    assert psi(dry, pd.Series([0.0] * 20 + list(np.linspace(0.01, 0.09, 80)))) > 0.25


def test_edges_close_together_are_told_apart():
    pressure = pd.Series(np.linspace(1013.01, 1013.4, 50))
    shares = counted(pressure, pressure)
    assert shares.index.is_unique
    assert psi(pressure, pressure + 1) > 0.25


def test_an_empty_column_has_not_drifted_until_values_come():
    empty = pd.Series([np.nan] * 4)
    assert psi(empty, empty) == 0
    assert psi(empty, pd.Series([1.0] * 4)) > 0.25
    assert np.isnan(ks(empty, pd.Series([1.0])))


@pytest.mark.parametrize("places", [0, 1, 6])
def test_the_distance_is_the_one_of_scipy(places):
    generator = np.random.default_rng(places)
    before, now = generator.normal(size=300).round(places), generator.normal(0.5, 2, size=80).round(places)
    assert ks(before, now) == pytest.approx(ks_2samp(before, now).statistic)


def test_distributions_that_do_not_touch_are_one_apart():
    assert ks([1, 2, 3], [4, 5]) == 1


def test_what_is_drawn_from_the_same_has_the_index_of_chance():
    generator = np.random.default_rng(7)
    found = [psi(generator.normal(size=400), generator.normal(size=600)) for _ in range(60)]
    assert np.mean(found) == pytest.approx(by_chance(400, 600), rel=0.2)


def test_the_columns_that_drifted_most_come_first():
    before = pd.DataFrame({"same": range(100), "far": range(100), "text": ["a", "b"] * 50})
    now = before.assign(far=before["far"] + 90, text="a")
    found = drift(before, now, list(before))
    assert list(found.index) == ["far", "text", "same"]
    assert found.loc["far", "ks"] == pytest.approx(0.9)
    assert np.isnan(found.loc["text", "ks"])
