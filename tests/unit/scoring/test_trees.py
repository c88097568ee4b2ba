"""Trees by masks: the very sums that scikit-learn's walks give, for any values, or a clear no."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from galley.scoring.trees import NotThese, Trees, tables


def fitted(rows, **settings):
    """Trees of three features, the second of them with gaps."""
    draw = np.random.default_rng(0)
    features = draw.normal(size=(rows, 3)).round(2)
    features[draw.random(rows) < 0.2, 1] = np.nan
    late = np.nan_to_num(features).sum(axis=1) + draw.normal(size=rows) > 0
    return HistGradientBoostingClassifier(max_iter=20, random_state=0, **settings).fit(features, late), features


def by_masks(model, features):
    """The sums, with each row's features as a column of a table that has all rows."""
    trees = Trees([trees[0].nodes for trees in model._predictors], float(model._baseline_prediction.item()))
    columns = tables([trees.masks(features, [feature]) for feature in range(features.shape[1])])
    return trees.sums(columns, [np.arange(len(features))] * features.shape[1])


@pytest.mark.parametrize("leaves", [2, 31, 32, 33, 64])
def test_the_sums_are_those_of_the_walks_to_the_last_bit(leaves):
    model, features = fitted(2000, max_leaf_nodes=leaves, min_samples_leaf=5)
    most = max(nodes[0].nodes["is_leaf"].sum() for nodes in model._predictors)
    assert most == leaves
    assert by_masks(model, features).tolist() == model._raw_predict(features)[:, 0].tolist()


def test_values_at_a_threshold_next_to_it_missing_or_without_end_go_where_they_go_in_a_walk():
    model, _ = fitted(2000)
    trees = Trees([trees[0].nodes for trees in model._predictors], 0.0)
    ends = [
        value
        for threshold in trees.thresholds(range(3))
        for value in (np.nextafter(threshold, -np.inf), threshold, np.nextafter(threshold, np.inf))
    ]
    values = np.array([*ends, np.nan, np.inf, -np.inf])
    draw = np.random.default_rng(1)
    rows = np.column_stack([draw.permutation(values) for _ in range(3)])
    assert by_masks(model, rows).tolist() == model._raw_predict(rows)[:, 0].tolist()


@pytest.mark.parametrize("rows", [1, 2, 511, 512, 513, 514, 1025])
def test_the_sums_are_the_same_for_any_number_of_rows(rows):
    model, features = fitted(2000)
    assert by_masks(model, features[:rows]).tolist() == model._raw_predict(features[:rows])[:, 0].tolist()


def test_columns_share_a_table_while_it_is_short(monkeypatch):
    monkeypatch.setattr("galley.scoring.trees.TABLE_ROWS", 12)
    draw = np.random.default_rng(2)
    masks = [draw.integers(0, 2**32, (rows, 5), dtype="uint32") for rows in (3, 20, 4, 13)]
    shared = tables(masks)
    assert sorted(table.columns for table in shared) == [(0, 2), (1,), (3,)]
    codes = [draw.integers(0, len(mask), 50) for mask in masks]
    together = np.bitwise_and.reduce([mask[code] for mask, code in zip(masks, codes, strict=True)])
    by_tables = np.bitwise_and.reduce([table.masks[table.places(codes)] for table in shared])
    assert by_tables.tolist() == together.tolist()


def test_a_tree_with_more_leaves_than_bits_is_refused():
    model, features = fitted(3000, max_leaf_nodes=65, min_samples_leaf=5)
    with pytest.raises(NotThese, match="a tree has 65 leaves; at most 64 can be taken"):
        by_masks(model, features)


def test_a_split_by_categories_is_refused():
    features = np.random.default_rng(0).integers(0, 9, (500, 1)).astype(float)
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features=[0]).fit(features, features[:, 0] % 2)
    with pytest.raises(NotThese, match="a split by categories"):
        by_masks(model, features)
