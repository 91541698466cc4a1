"""The default models, built by code node by node, so that everything in an artefact can be read here.

Deterministic: the same code gives the same bytes, hence the same digest. Nothing here runs a model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

from learning.models.roles import FEATURES_KEY, KNOWLEDGE_INPUTS, ROLE_KEY, ModelRole
from learning.models.scorecards import Scorecard

OPSET: Final = 17
IR_VERSION: Final = 8
SMALLEST: Final = 1e-4
"""Knowledge stays within [SMALLEST, 1 - SMALLEST]: at 0 or 1 no evidence could ever move it again."""
REASONS: Final = 3


def knowledge_graph() -> bytes:
    """Bayesian knowledge tracing, one row per skill.

    Inputs, float32 [n] each: ``p`` probability that the skill is known, ``guess``, ``slip``, ``learn``,
    ``correct`` 0-1 (between the two: how much of the evidence is for "right", mixed by Jeffrey's rule).
    Outputs, float32 [n]: ``p_after``, ``p_correct`` (probability of a right answer before it was given).

    Source: Corbett & Anderson 1995, "Knowledge tracing: modeling the acquisition of procedural knowledge".
    """
    nodes = [
        _node("Clip", ["p", "smallest", "largest"], "known"),
        _node("Sub", ["one", "known"], "unknown"),
        _node("Sub", ["one", "slip"], "no_slip"),
        _node("Sub", ["one", "guess"], "no_guess"),
        _node("Mul", ["known", "no_slip"], "known_right"),
        _node("Mul", ["unknown", "guess"], "unknown_right"),
        _node("Add", ["known_right", "unknown_right"], "p_correct"),
        _node("Div", ["known_right", "p_correct"], "if_right"),
        _node("Mul", ["known", "slip"], "known_wrong"),
        _node("Mul", ["unknown", "no_guess"], "unknown_wrong"),
        _node("Add", ["known_wrong", "unknown_wrong"], "p_wrong"),
        _node("Div", ["known_wrong", "p_wrong"], "if_wrong"),
        _node("Mul", ["correct", "if_right"], "part_right"),
        _node("Sub", ["one", "correct"], "incorrect"),
        _node("Mul", ["incorrect", "if_wrong"], "part_wrong"),
        _node("Add", ["part_right", "part_wrong"], "posterior"),
        _node("Sub", ["one", "posterior"], "still_unknown"),
        _node("Mul", ["still_unknown", "learn"], "learned"),
        _node("Add", ["posterior", "learned"], "unclipped"),
        _node("Clip", ["unclipped", "smallest", "largest"], "p_after"),
    ]
    return _serialised(
        ModelRole.KNOWLEDGE,
        KNOWLEDGE_INPUTS,
        helper.make_graph(
            nodes,
            "knowledge",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in KNOWLEDGE_INPUTS],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"])
                for name in ("p_after", "p_correct")
            ],
            initializer=[
                helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
                helper.make_tensor("smallest", TensorProto.FLOAT, [], [SMALLEST]),
                helper.make_tensor("largest", TensorProto.FLOAT, [], [1.0 - SMALLEST]),
            ],
        ),
    )


def scorecard_graph(scorecard: Scorecard) -> bytes:
    """An additive scorecard that returns its own reasons.

    Input ``x`` float32 [n, k] in the scorecard's order. Each column is centred, scaled, clipped and weighed.
    Outputs: ``p`` float32 [n], ``contributions`` float32 [n, k] (they and the bias add up to the logit of
    ``p``), ``top`` int64 [n, 3] (columns that raise the score most, greatest first, lower column on ties).
    """
    lines = scorecard.lines
    columns = len(lines)
    nodes = [
        _node("Sub", ["x", "centre"], "centred"),
        _node("Div", ["centred", "scale"], "scaled"),
        _node("Max", ["scaled", "low"], "floored"),
        _node("Min", ["floored", "high"], "clipped"),
        _node("Mul", ["clipped", "weight"], "contributions"),
        helper.make_node("ReduceSum", ["contributions", "columns"], ["sum"], name="sum", keepdims=0),
        _node("Add", ["sum", "bias"], "logit"),
        _node("Sigmoid", ["logit"], "p"),
        helper.make_node(
            "TopK", ["contributions", "reasons"], ["greatest", "top"], name="top", axis=1, largest=1, sorted=1
        ),
    ]
    return _serialised(
        scorecard.role,
        [line.feature for line in lines],
        helper.make_graph(
            nodes,
            scorecard.role.value,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", columns])],
            [
                helper.make_tensor_value_info("p", TensorProto.FLOAT, ["n"]),
                helper.make_tensor_value_info("contributions", TensorProto.FLOAT, ["n", columns]),
                helper.make_tensor_value_info("top", TensorProto.INT64, ["n", REASONS]),
            ],
            initializer=[
                _row("centre", [scorecard.centre(line) for line in lines]),
                _row("scale", [line.scale for line in lines]),
                _row("low", [line.low for line in lines]),
                _row("high", [line.high for line in lines]),
                _row("weight", [line.weight for line in lines]),
                helper.make_tensor("bias", TensorProto.FLOAT, [], [scorecard.bias]),
                helper.make_tensor("columns", TensorProto.INT64, [1], [1]),
                helper.make_tensor("reasons", TensorProto.INT64, [1], [REASONS]),
            ],
        ),
    )


def _node(operator: str, inputs: Sequence[str], output: str) -> NodeProto:
    return helper.make_node(operator, list(inputs), [output], name=output)


def _row(name: str, values: Sequence[float]) -> onnx.TensorProto:
    return helper.make_tensor(name, TensorProto.FLOAT, [len(values)], values)


def _serialised(role: ModelRole, features: Sequence[str], graph: onnx.GraphProto) -> bytes:
    model: ModelProto = helper.make_model(
        graph,
        producer_name="tutela",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(model, {ROLE_KEY: role.value, FEATURES_KEY: json.dumps(list(features))})
    onnx.checker.check_model(model, full_check=True)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised
