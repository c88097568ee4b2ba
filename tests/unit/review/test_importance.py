"""Importance is scikit-learn's, quicker."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from galley.problems import Binary
from galley.review.permutation import importance

COLUMNS = ["strong", "weak", "none", "text"]


@pytest.fixture
def fitted():
    generator = np.random.default_rng(0)
    rows = pd.DataFrame(generator.normal(size=(200, 3)), columns=COLUMNS[:3])
    rows["text"] = generator.choice(["a", "b"], size=200)
    target = (2 * rows["strong"] + 0.5 * rows["weak"] + generator.normal(size=200) > 0).astype(int)
    encoder = make_column_transformer((OneHotEncoder(), ["text"]), remainder="passthrough")
    return make_pipeline(encoder, LogisticRegression()).fit(rows, target), rows, target


def asked(model):
    return lambda rows: Binary().ask(model, rows)


@pytest.mark.parametrize(("repeats", "seed"), [(1, 0), (4, 7)])
def test_it_is_what_scikit_learn_finds(fitted, repeats, seed):
    model, rows, target = fitted
    expected = permutation_importance(model, rows, target, scoring="roc_auc", n_repeats=repeats, random_state=seed)
    found = importance(Binary(), asked(model), rows, COLUMNS, target, repeats=repeats, seed=seed)
    assert list(found[COLUMNS]) == pytest.approx(list(expected.importances_mean))


def test_the_column_that_decides_comes_first_and_rows_keep_their_order(fitted):
    model, rows, target = fitted
    picked = rows.sample(150, random_state=1).assign(unused="x")
    found = importance(Binary(), asked(model), picked, COLUMNS, target[picked.index])
    assert found.index[0] == "strong"
    assert list(found) == sorted(found, reverse=True)
