"""A fitted model as an ONNX graph that computes in float64, as scikit-learn does.

skl2onnx is not what makes it: its trees compare and add up in float32, so a value beside a
threshold takes the other branch, and no probability is the same to nine places. ONNX has had trees
in float64 since version 5 of ai.onnx.ml, and onnxruntime computes them.

The graph has an input a feature (see session.py), and one output, ``prediction``, of shape
(rows, columns): of two classes the probability of the second, of more that of each, or a value.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from kit.learn.outcomes import Floats
from kit.serve.session import MISSING, NUMBER, TEXT

OPSETS = {"": 21, "ai.onnx.ml": 5}
IR = 10  # the oldest that has these operators: what is older cannot run them
OUTPUT = "prediction"
UNKNOWN = "\ufffe"  # no character either: a text that is no category

Ints = npt.NDArray[np.int64]


class Unconvertible(Exception):
    """This model has no ONNX form here; the message says why."""


@dataclass(frozen=True)
class Tree:
    """Nodes of a tree as arrays; a leaf has no children, and its value counts for ``target``."""

    target: int
    leaf: npt.NDArray[np.bool_]
    feature: Ints
    threshold: Floats  # to the left goes what is not above it
    left: Ints
    right: Ints
    missing_left: npt.NDArray[np.bool_]
    value: Floats


def trees_of(estimator: Any) -> list[Tree]:
    """The trees whose values are added up; none, if that is not what an estimator is made of."""
    if isinstance(estimator, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
        return [
            _boosted(target, predictor.nodes)
            for round_ in estimator._predictors
            for target, predictor in enumerate(round_)
        ]
    if isinstance(estimator, RandomForestClassifier | RandomForestRegressor):
        width = getattr(estimator, "n_classes_", 1)
        targets = [1] if width == 2 else list(range(width))
        return [
            _grown(at, each.tree_, column)
            for each in estimator.estimators_
            for at, column in enumerate(targets)
        ]
    return []


def _boosted(target: int, nodes: Any) -> Tree:
    if nodes["is_categorical"].any():
        raise Unconvertible("its trees split by sets of categories")
    return Tree(
        target,
        nodes["is_leaf"].astype(bool),
        nodes["feature_idx"].astype(np.int64),
        nodes["num_threshold"].astype(float),
        nodes["left"].astype(np.int64),
        nodes["right"].astype(np.int64),
        nodes["missing_go_to_left"].astype(bool),
        nodes["value"].astype(float),
    )


def _grown(target: int, tree: Any, column: int) -> Tree:
    return Tree(
        target,
        tree.children_left == -1,
        tree.feature.astype(np.int64),
        tree.threshold.astype(float),
        tree.children_left.astype(np.int64),
        tree.children_right.astype(np.int64),
        tree.missing_go_to_left.astype(bool),
        tree.value[:, 0, column].astype(float),
    )


class Graph:
    """Nodes and constants, named by their number, so that equal models give equal bytes."""

    def __init__(self, inputs: list[str]) -> None:
        self.inputs = inputs
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, *inputs: str, **settings: Any) -> str:
        """Add a node, and return what its output is called."""
        name = self._free(f"{kind}_{len(self.nodes)}")
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **settings))
        return name

    def constant(self, value: Any) -> str:
        """Add a constant, and return its name."""
        name = self._free(f"constant_{len(self.constants)}")
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def output(self, value: str, width: int) -> Any:
        """Give a value out, and return what it is called and how it looks."""
        name = self._free(OUTPUT)
        self.nodes.append(helper.make_node("Identity", [value], [name], name))
        return helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["rows", width])

    def _free(self, name: str) -> str:
        while name in self.inputs:
            name += "_"
        return name


def inputs_of(model: Pipeline, features: pd.DataFrame) -> list[dict[str, str]]:
    """The features that a model takes, in order, and whether each is a number or a text.

    Raises Unconvertible for a text that is read as words.
    """
    kinds: dict[str, str] = {}
    for _, encoder, names in model[0].transformers_:
        if isinstance(names, str):
            raise Unconvertible(
                f"{names} is read as words, and a hash of words has no operator in ONNX"
            )
        kind = TEXT if isinstance(encoder, OrdinalEncoder | OneHotEncoder) else NUMBER
        kinds |= dict.fromkeys(names, kind)
    return [{"name": str(name), "type": kinds[name]} for name in features.columns]


def converted(model: Pipeline, features: pd.DataFrame) -> onnx.ModelProto:
    """The graph of a fitted pipeline of models.py; of ``features`` the columns and types matter.

    Raises Unconvertible.
    """
    inputs = inputs_of(model, features)
    graph = Graph([each["name"] for each in inputs])
    cells = _columns(graph, model[0], features)
    estimator = model[-1]
    if trees := trees_of(estimator):
        found, width = _forest(graph, cells, estimator, trees)
    elif isinstance(estimator, LogisticRegression | Ridge):
        found, width = _linear(graph, cells, estimator)
    else:
        raise Unconvertible(f"there is no way to ONNX here for {type(estimator).__name__}")
    kinds = {NUMBER: TensorProto.DOUBLE, TEXT: TensorProto.STRING}
    body = helper.make_graph(
        graph.nodes,
        "model",
        [
            helper.make_tensor_value_info(each["name"], kinds[each["type"]], ["rows", 1])
            for each in inputs
        ],
        [graph.output(found, width)],
        graph.constants,
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    whole = helper.make_model(body, opset_imports=opsets, ir_version=IR)
    onnx.checker.check_model(whole)
    return whole


def _columns(graph: Graph, columns: Any, features: pd.DataFrame) -> str:
    """The matrix that the estimator sees, of float64."""
    blocks = []
    for _, encoder, names in columns.transformers_:
        if not len(names):
            continue
        if isinstance(encoder, OrdinalEncoder | OneHotEncoder):
            for name, table in tables(encoder, features[list(names)]).items():
                blocks.append(_looked_up(graph, name, table))
            continue
        matrix = graph.add("Concat", *names, axis=1)
        if isinstance(encoder, Pipeline):
            matrix = _scaled(graph, matrix, encoder, features[list(names)])
        blocks.append(matrix)
    return graph.add("Concat", *blocks, axis=1)


def tables(encoder: Any, features: pd.DataFrame) -> dict[str, dict[str, tuple[float, ...]]]:
    """What a fitted encoder makes of each category of each column, of MISSING and of UNKNOWN.

    The encoder itself is asked, so all its rules about rare and missing ones are in the answer.
    """
    found, at = {}, 0
    rare = getattr(encoder, "infrequent_categories_", [None] * features.shape[1])
    usual = {name: known[0] for name, known in zip(features, encoder.categories_, strict=True)}
    for place, (name, known) in enumerate(zip(features, encoder.categories_, strict=True)):
        texts = [each for each in known if isinstance(each, str)]
        if strange := [each for each in known if not isinstance(each, str) and not pd.isna(each)]:
            raise Unconvertible(f"{name} has the category {strange[0]!r}, which is not a text")
        asked = pd.DataFrame(usual | {name: [*texts, np.nan, UNKNOWN]}).astype(features.dtypes)
        width = 1
        if isinstance(encoder, OneHotEncoder):
            width = len(known) - (len(rare[place]) - 1 if rare[place] is not None else 0)
        said = encoder.transform(asked)
        said = (said.toarray() if hasattr(said, "toarray") else said)[:, at : at + width]
        at += width
        rows = [tuple(map(float, row)) for row in said]
        found[str(name)] = dict(zip([*texts, MISSING, UNKNOWN], rows, strict=True))
    return found


def _looked_up(graph: Graph, name: str, table: dict[str, tuple[float, ...]]) -> str:
    """The cells of a text: which row of a table of all different answers, and that row."""
    answers: dict[str, int] = {}  # by text, since NaN is not NaN
    rows: list[tuple[float, ...]] = []
    for answer in table.values():
        if repr(answer) not in answers:
            answers[repr(answer)] = len(rows)
            rows.append(answer)
    at = {text: answers[repr(answer)] for text, answer in table.items()}
    default = at.pop(UNKNOWN)
    place = graph.add(
        "LabelEncoder", name, domain="ai.onnx.ml",
        keys_strings=list(at), values_int64s=list(at.values()), default_int64=default,
    )  # fmt: skip
    flat = graph.add("Reshape", place, graph.constant([-1]))
    return graph.add("Gather", graph.constant(np.array(rows, dtype=float)), flat, axis=0)


def _scaled(graph: Graph, matrix: str, steps: Pipeline, features: pd.DataFrame) -> str:
    """Numbers with the missing ones filled in, and columns that say which were; all scaled.

    In float32 where scikit-learn does it so: where all numbers are.
    """
    imputer, scaler = steps
    narrow = np.result_type(*features.dtypes) == np.float32
    dtype: Any = np.float32 if narrow else np.float64
    kept = np.flatnonzero(~np.isnan(imputer.statistics_.astype(float)))
    missing = graph.add("IsNaN", matrix)
    filled = graph.add("Where", missing, graph.constant(imputer.statistics_.astype(float)), matrix)
    blocks = [graph.add("Gather", filled, graph.constant(kept), axis=1)]
    if imputer.indicator_ is not None and len(imputer.indicator_.features_):
        told = graph.constant(imputer.indicator_.features_.astype(np.int64))
        gaps = graph.add("Gather", missing, told, axis=1)
        blocks.append(graph.add("Cast", gaps, to=TensorProto.DOUBLE))
    cells = graph.add("Concat", *blocks, axis=1)
    if narrow:
        cells = graph.add("Cast", cells, to=TensorProto.FLOAT)
    centred = graph.add("Sub", cells, graph.constant(scaler.mean_.astype(dtype)))
    scaled = graph.add("Div", centred, graph.constant(scaler.scale_.astype(dtype)))
    return graph.add("Cast", scaled, to=TensorProto.DOUBLE) if narrow else scaled


def _linear(graph: Graph, cells: str, estimator: Any) -> tuple[str, int]:
    weights = np.atleast_2d(estimator.coef_).astype(float)
    product = graph.add("MatMul", cells, graph.constant(weights.T.copy()))
    constant = graph.constant(np.atleast_1d(estimator.intercept_).astype(float))
    raw, width = graph.add("Add", product, constant), len(weights)
    return raw if isinstance(estimator, Ridge) else _linked(graph, raw, width), width


def _linked(graph: Graph, raw: str, width: int) -> str:
    """Probabilities of what the logarithms of odds are added up to."""
    return graph.add("Sigmoid", raw) if width == 1 else graph.add("Softmax", raw, axis=1)


def _forest(graph: Graph, cells: str, estimator: Any, trees: list[Tree]) -> tuple[str, int]:
    """Trees, added up in scikit-learn's order, and what is made of their sum."""
    width = 1 + max(tree.target for tree in trees)
    if isinstance(estimator, RandomForestClassifier | RandomForestRegressor):
        # Which compares float32: what is above a threshold by less than that is not above it.
        narrow = graph.add("Cast", cells, to=TensorProto.FLOAT)
        raw = _ensemble(graph, graph.add("Cast", narrow, to=TensorProto.DOUBLE), trees, width)
        return graph.add("Div", raw, graph.constant(float(len(estimator.estimators_)))), width
    start = np.ravel(estimator._baseline_prediction).astype(float)
    raw = _ensemble(graph, cells, [*map(_always, range(width), start), *trees], width)
    linked = isinstance(estimator, HistGradientBoostingClassifier)
    return _linked(graph, raw, width) if linked else raw, width


def _always(target: int, value: float) -> Tree:
    """A tree that says the same of every row: what the others are added to."""
    one = np.zeros(1, dtype=np.int64)
    value_ = np.full(1, value)
    return Tree(target, one == 0, one, np.zeros(1), one, one, one == 0, value_)


def _ensemble(graph: Graph, cells: str, trees: list[Tree], width: int) -> str:
    """The one operator that has them all: branches and leaves in lists of their own."""
    lists: dict[str, list[Any]] = {key: [[] for _ in trees] for key in BRANCHES}
    leaves: dict[str, list[Any]] = {"targets": [], "weights": []}
    roots, branch, leaf = [], 0, 0
    for at, tree in enumerate(map(_rooted, trees)):
        inner, outer = np.flatnonzero(~tree.leaf), np.flatnonzero(tree.leaf)
        number = np.empty(len(tree.leaf), dtype=np.int64)
        number[inner] = np.arange(len(inner)) + branch
        number[outer] = np.arange(len(outer)) + leaf
        left, right = tree.left[inner], tree.right[inner]
        lists["featureids"][at] = tree.feature[inner]
        lists["splits"][at] = tree.threshold[inner]
        lists["truenodeids"][at], lists["trueleafs"][at] = number[left], tree.leaf[left]
        lists["falsenodeids"][at], lists["falseleafs"][at] = number[right], tree.leaf[right]
        lists["missing_value_tracks_true"][at] = tree.missing_left[inner]
        leaves["targets"].append(np.full(len(outer), tree.target))
        leaves["weights"].append(tree.value[outer])
        roots.append(branch)
        branch, leaf = branch + len(inner), leaf + len(outer)
    joined = {f"nodes_{key}": np.concatenate(parts) for key, parts in lists.items()}
    splits = joined.pop("nodes_splits")
    return graph.add(
        "TreeEnsemble", cells, domain="ai.onnx.ml",
        n_targets=width, aggregate_function=1, post_transform=0,  # a sum, as it is
        tree_roots=roots,
        nodes_modes=numpy_helper.from_array(np.zeros(branch, np.uint8)),  # x <= split
        nodes_splits=numpy_helper.from_array(splits),
        leaf_targetids=np.concatenate(leaves["targets"]).tolist(),
        leaf_weights=numpy_helper.from_array(np.concatenate(leaves["weights"])),
        **{key: values.astype(np.int64).tolist() for key, values in joined.items()},
    )  # fmt: skip


BRANCHES = (
    "featureids", "splits", "truenodeids", "trueleafs", "falsenodeids", "falseleafs",
    "missing_value_tracks_true",
)  # fmt: skip


def _rooted(tree: Tree) -> Tree:
    """A tree whose root is a branch, as ONNX wants it: one that is a leaf gets two of it."""
    if not tree.leaf[0]:
        return tree
    three = np.array([0, 1, 2])
    value = np.full(3, tree.value[0])
    return Tree(
        tree.target, three > 0, 0 * three, np.zeros(3), np.array([1, 0, 0]), np.array([2, 0, 0]),
        three == 0, value,
    )  # fmt: skip
