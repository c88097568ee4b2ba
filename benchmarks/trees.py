"""Trees: one forest, asked by its own library, by compilers of trees, by ONNX Runtime, and by galley's tables.

Usage: .venvs/bench/bin/python benchmarks/trees.py [ROUNDS [ROWS]]; five rounds, 200,000 rows.

LightGBM learns the forest from four weeks of encoded flights, which are repeated until there are enough rows. Each way
gets the same rows in one thread, and is compared with LightGBM on all of them. Its processor time counts, without what
it takes to compile or convert the forest, which stands in a column of its own.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from measuring import in_turns, keep, shown, summed_up, table

from flights.features import FEATURES, build
from flights.source import replay
from galley.scoring.forms import number_codes
from galley.scoring.trees import Trees, tables

LAST = date(2026, 11, 22)
DAYS = 28
PART = 20_000
Predict = Callable[[np.ndarray], np.ndarray]


def rows_and_target() -> tuple[np.ndarray, np.ndarray]:
    """The flights of four weeks, encoded as the pipeline does it, and which were late."""
    days = [replay(LAST - timedelta(n)) for n in range(DAYS)]
    late = pd.concat([day.target for day in days], ignore_index=True)["late"]
    features = pd.concat([day.data for day in days], ignore_index=True)[FEATURES]
    encode = build("hist_gradient_boosting", {}, seed=0)[:-1]
    return np.asarray(encode.fit_transform(features, late), dtype=float), late.to_numpy()


def own(booster: lightgbm.Booster, scratch: Path) -> Predict:  # noqa: ARG001
    """LightGBM itself."""
    return lambda rows: booster.predict(rows, num_threads=1)


def by_lleaves(booster: lightgbm.Booster, scratch: Path) -> Predict:
    """The forest compiled by LLVM."""
    import lleaves

    booster.save_model(scratch / "model.txt")
    model = lleaves.Model(model_file=str(scratch / "model.txt"))
    model.compile()
    return lambda rows: model.predict(rows, n_jobs=1)


def by_treelite(booster: lightgbm.Booster, scratch: Path) -> Predict:  # noqa: ARG001
    """Treelite's own walks, nothing compiled."""
    import treelite

    model = treelite.frontend.from_lightgbm(booster)
    return lambda rows: treelite.gtil.predict(model, rows, nthread=1).ravel()


def by_tl2cgen(booster: lightgbm.Booster, scratch: Path) -> Predict:
    """Treelite's forest as C, compiled by gcc."""
    import tl2cgen
    import treelite

    library = scratch / "model.so"
    tl2cgen.export_lib(treelite.frontend.from_lightgbm(booster), toolchain="gcc", libpath=library, params={})
    model = tl2cgen.Predictor(library, nthread=1)
    return lambda rows: model.predict(tl2cgen.DMatrix(rows)).ravel()


def by_onnx(booster: lightgbm.Booster, scratch: Path) -> Predict:  # noqa: ARG001
    """ONNX Runtime, which takes numbers of half the length."""
    import onnxmltools
    import onnxruntime
    from onnxmltools.convert.common.data_types import FloatTensorType

    columns = booster.num_feature()
    converted = onnxmltools.convert_lightgbm(
        booster, initial_types=[("rows", FloatTensorType([None, columns]))], zipmap=False
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(converted.SerializeToString(), options)
    return lambda rows: session.run(["probabilities"], {"rows": rows.astype(np.float32)})[0][:, 1]


def by_tables(booster: lightgbm.Booster, scratch: Path) -> Predict:  # noqa: ARG001
    """Galley's tables, which are made for scikit-learn's trees; here of LightGBM's."""
    trees = Trees([nodes_of(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]], 0.0)
    columns = range(booster.num_feature())
    ends = [trees.thresholds([column]) for column in columns]
    each = [np.array([*of, np.nextafter(of[-1], np.inf) if len(of) else 0.0, np.nan]) for of in ends]
    made = tables([masks_of(trees, values, column, len(columns)) for column, values in enumerate(each)])

    def predict(rows: np.ndarray) -> np.ndarray:
        codes = [number_codes(rows[:, column], of) for column, of in enumerate(ends)]
        return 1 / (1 + np.exp(-trees.sums(made, codes)))

    return predict


def masks_of(trees: Trees, values: np.ndarray, column: int, columns: int) -> np.ndarray:
    """The leaves that each value of a column leaves."""
    rows = np.zeros((len(values), columns))
    rows[:, column] = values
    return trees.masks(rows, [column])


def nodes_of(root: dict[str, Any]) -> np.ndarray:
    """A tree of LightGBM's as the array of nodes that scikit-learn keeps."""
    names = {"is_leaf": bool, "is_categorical": bool, "missing_go_to_left": bool, "feature_idx": int}
    names |= {"left": int, "right": int, "num_threshold": float, "value": float}
    nodes: list[dict[str, Any]] = []

    def take(node: dict[str, Any]) -> int:
        place = len(nodes)
        nodes.append(dict.fromkeys(names, 0))
        if "leaf_value" in node:
            nodes[place] |= {"is_leaf": True, "value": node["leaf_value"]}
            return place
        # A forest that saw nothing missing takes what is for 0.
        to_left = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
        nodes[place] |= {
            "feature_idx": node["split_feature"],
            "num_threshold": node["threshold"],
            "missing_go_to_left": to_left,
            "left": take(node["left_child"]),
            "right": take(node["right_child"]),
        }
        return place

    take(root)
    return np.array([tuple(node[name] for name in names) for node in nodes], dtype=[*names.items()])


WAYS: dict[str, Callable[[lightgbm.Booster, Path], Predict]] = {
    "LightGBM": own,
    "lleaves": by_lleaves,
    "treelite, GTIL": by_treelite,
    "treelite, compiled": by_tl2cgen,
    "ONNX Runtime": by_onnx,
    "galley's tables": by_tables,
}


def main() -> None:
    """Measure, and keep the table in docs/benchmarks.md and the figures beside this file."""
    rounds, wanted = [*map(int, sys.argv[1:]), *(5, 200_000)[len(sys.argv) - 1 :]]
    few, target = rows_and_target()
    rows = np.tile(few, (-(-wanted // len(few)), 1))[:wanted]
    asked = {"objective": "binary", "num_leaves": 31, "verbose": -1, "seed": 0, "num_threads": 1}
    booster = lightgbm.train(asked, lightgbm.Dataset(few, target), 100)
    parts = [rows[first : first + PART] for first in range(0, len(rows), PART)]
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as scratch:
        made, ready = {}, {}
        for way, make in WAYS.items():
            began = time.process_time()
            made[way] = make(booster, Path(scratch))
            ready[way] = time.process_time() - began
        said = {way: np.concatenate([predict(part) for part in parts]) for way, predict in made.items()}
        apart = {way: float(np.abs(said[way] - said["LightGBM"]).max()) for way in WAYS}
        taken = in_turns({way: lambda way=way: processor(made[way], parts) for way in WAYS}, rounds)
    results = {"rows": len(rows), "processor": taken, "ready": ready, "apart": apart}
    lines = [
        [
            way,
            shown(summed_up(len(rows) / seconds / 1e6 for seconds in taken[way])),
            shown(summed_up(a / b for a, b in zip(taken["LightGBM"], taken[way], strict=True))),
            f"{ready[way]:.1f}",
            f"{apart[way]:.0e}" if apart[way] else "0",
        ]
        for way in WAYS
    ]
    head = [
        "100 trees of 31 leaves",
        "million rows a second of one core",
        "to LightGBM",
        "ready in, s",
        "furthest apart",
    ]
    keep(__file__, json.loads(json.dumps(results)), table(head, lines))


def processor(predict: Predict, parts: list[np.ndarray]) -> float:
    """Seconds of a processor that it takes, part after part."""
    began = time.process_time()
    for part in parts:
        predict(part)
    return time.process_time() - began


if __name__ == "__main__":
    main()
