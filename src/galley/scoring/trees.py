"""Trees: what an ensemble of boosted trees adds up to, by masks of leaves instead of walks from the roots.

After QuickScorer (Lucchese and others, SIGIR 2015). Number the leaves of a tree from the left. A node whose answer is
"no" rules out all leaves on its left, and the leaf that a walk would reach is the leftmost that no node rules out.
Which leaves a column rules out depends only on the thresholds that its value lies between: that is a table of masks,
made once for all trees. Of a row, one looks up a mask in each table, takes what they have in common, and the value of
each tree's leftmost leaf. Nothing branches, so numpy does each step for many rows at once. The comparisons are those of
the walks, and the values are added in the same order: the sums are the same to the last bit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

BLOCK_ROWS = 512
"""Rows at a time: their masks, a few hundred bytes each, stay in the processor's cache."""

TABLE_ROWS = 1500
"""Columns share a table while it is not longer: fewer tables to look up, and all of them stay in the cache."""

_WIDTHS: dict[int, tuple[Any, int, int]] = {
    32: (np.uint32, 0x077CB531, 27),
    64: (np.uint64, 0x03F79D71B4CB0A89, 58),
}
"""Bits of a mask: its type, and a de Bruijn sequence: times a single bit and shifted, it is another number for each."""


class NotThese(Exception):
    """Trees that masks cannot stand for."""


class Trees:
    """The trees, each as the array of nodes that scikit-learn's histogram gradient boosting keeps."""

    def __init__(self, trees: Sequence[np.ndarray], base: float) -> None:
        leaves = max(int(nodes["is_leaf"].sum()) for nodes in trees)
        if leaves > max(_WIDTHS):
            raise NotThese(f"a tree has {leaves} leaves; at most {max(_WIDTHS)} can be taken")
        self._bits = min(bits for bits in _WIDTHS if bits >= leaves)
        self._type, self._multiplier, self._shift = _WIDTHS[self._bits]
        self._base = base
        self._trees = len(trees)
        self._values = np.zeros((len(trees), self._bits))
        self._splits: dict[int, list[_Split]] = {}
        for tree, nodes in enumerate(trees):
            self._take(tree, {name: nodes[name].tolist() for name in nodes.dtype.names or ()})

    @property
    def features(self) -> set[int]:
        """Those that any tree asks for."""
        return set(self._splits)

    def thresholds(self, features: Iterable[int]) -> np.ndarray:
        """The values between which the trees tell any of these features apart, in order."""
        return np.unique([split.threshold for feature in features for split in self._splits.get(feature, [])])

    def masks(self, rows: np.ndarray, features: Iterable[int]) -> np.ndarray:
        """Of each row of features, the leaves of each tree that these features do not rule out."""
        masks = np.full((len(rows), self._trees), ~self._type(0))
        for feature in features:
            values = rows[:, feature]
            is_missing = np.isnan(values)
            for split in self._splits.get(feature, []):
                is_right = ~np.where(is_missing, split.missing_is_left, values <= split.threshold)
                masks[is_right, split.tree] &= ~self._type(split.left)
        return masks

    def sums(self, tables: Sequence["Table"], codes: Sequence[np.ndarray]) -> np.ndarray:
        """What the trees add up to, of rows that are given by each column's code."""
        places = [table.places(codes) for table in tables]
        sums = np.empty(len(codes[0]))
        for first in range(0, len(sums), BLOCK_ROWS):
            block = slice(first, first + BLOCK_ROWS)
            leaves = np.take(tables[0].masks, places[0][block], axis=0)
            for table, place in zip(tables[1:], places[1:], strict=True):
                leaves &= np.take(table.masks, place[block], axis=0)
            values = np.take(self._values, self._places(leaves).T)
            if len(leaves) == 1:
                values = values.repeat(2, axis=1)  # of a single row numpy would add pairs first
            sums[block] = np.add.reduce(values, axis=0, initial=self._base)[: len(leaves)]
        return sums

    def _places(self, leaves: np.ndarray) -> np.ndarray:
        """Where the value of each leftmost leaf stands; overwrites the masks."""
        leaves &= -leaves
        leaves *= self._type(self._multiplier)
        leaves >>= self._type(self._shift)
        leaves += np.arange(0, self._values.size, self._bits, dtype=self._type)
        return leaves

    def _take(self, tree: int, nodes: Mapping[str, Sequence[Any]]) -> None:
        """Keep the tree's splits, each with the leaves on its left, and its leaves' values."""
        leaves = 0

        def below(node: int) -> int:
            """Its leaves, numbered from the left, as bits."""
            nonlocal leaves
            if nodes["is_leaf"][node]:
                leaf = 1 << leaves
                leaves += 1
                place = (leaf * self._multiplier) % (1 << self._bits) >> self._shift
                self._values[tree, place] = nodes["value"][node]
                return leaf
            left, right = below(nodes["left"][node]), below(nodes["right"][node])
            if nodes["is_categorical"][node]:
                raise NotThese("a split by categories; only thresholds can be taken")
            split = _Split(tree, nodes["num_threshold"][node], bool(nodes["missing_go_to_left"][node]), left)
            self._splits.setdefault(nodes["feature_idx"][node], []).append(split)
            return left | right

        below(0)


class _Split(NamedTuple):
    """A node that asks: which leaves are on its left, as bits."""

    tree: int
    threshold: float
    missing_is_left: bool
    left: int


@dataclass(frozen=True)
class Table:
    """The masks of one column, by its code; or of several short ones, by the codes of them all."""

    columns: tuple[int, ...]
    shape: tuple[int, ...]
    masks: np.ndarray

    def places(self, codes: Sequence[np.ndarray]) -> np.ndarray:
        """Of each row, its row of the table; `codes` are those of all columns."""
        return np.ravel_multi_index([codes[column] for column in self.columns], self.shape)

    def with_another(self, column: int, masks: np.ndarray) -> "Table":
        """The table of one column more."""
        common = self.masks[:, None] & masks
        return Table((*self.columns, column), (*self.shape, len(masks)), common.reshape(-1, masks.shape[1]))


def tables(masks: Sequence[np.ndarray]) -> list[Table]:
    """Few tables of all columns' masks."""
    made: list[Table] = []
    for column, its in sorted(enumerate(masks), key=lambda item: len(item[1])):
        if made and len(made[-1].masks) * len(its) <= TABLE_ROWS:
            made.append(made.pop().with_another(column, its))
        else:
            made.append(Table((column,), (len(its),), its))
    return made
