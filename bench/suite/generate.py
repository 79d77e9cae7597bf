"""The node tests of the ONNX project's backend suite as models that are read here, and the history of every operator.

    python3 -m venv build/suite/venv
    build/suite/venv/bin/pip install onnx==1.23.2
    build/suite/venv/bin/python bench/suite/generate.py

The tests come with the onnx package, which makes their data anew. Written to build/suite:

    cases.json       of every test: name, operator, domain, names of the inputs that stay inputs, names and types
                     of the outputs, and the differences that the suite allows
    cases/NAME.onnx  its model, in which every other input is an initializer
    cases/NAME.npz   float64, whatever the type in the model: input0, input1 ... and output0, output1 ...; none where
                     a value is not a tensor of numbers
    versions.json    of every operator: the operator sets in which its definition changed, with attributes, inputs and outputs

What stays an input is the data: the first input, and of operators that treat several alike, all of these (DATA).
"""

import json
import pathlib
import shutil
import sys
import warnings

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2] / "build" / "suite"

ALL = None
ALIKE = """Add Sub Mul Div Sum Mean MatMul Gemm Concat Max Min Einsum Mod BitShift BitwiseAnd BitwiseOr BitwiseXor
Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor StringConcat""".split()
DATA = {"Where": [1, 2], "Attention": [0, 1, 2], **{op: ALL for op in ALIKE}}


def collected():
    """Every node test, in alphabetical order."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            cases = collect_testcases(None)
        except TypeError:
            cases = collect_testcases()
    return sorted((case for case in cases if case.model is not None), key=lambda case: case.name)


def numbers(value):
    """The value as float64; None for what is no tensor of real numbers."""
    if isinstance(value, onnx.TensorProto):
        value = numpy_helper.to_array(value)
    if value is None or isinstance(value, (list, str)):
        return None
    array = np.asarray(value)
    if array.dtype.kind in "OSUc" or array.dtype.names is not None:
        return None
    return np.ascontiguousarray(array.astype(np.float64)).reshape(array.shape)


def tensor(value, name):
    """The value as an initializer; None for what is no tensor."""
    if value is None or isinstance(value, list):
        return None
    if isinstance(value, onnx.TensorProto):
        result = onnx.TensorProto()
        result.CopyFrom(value)
        result.name = name
        return result
    return numpy_helper.from_array(np.asarray(value), name)


def element_type(info):
    """FLOAT and so on; '' for what is no tensor."""
    return onnx.TensorProto.DataType.Name(info.type.tensor_type.elem_type) if info.type.HasField("tensor_type") else ""


def write(case, op, domain):
    """Writes the files of one case; what cases.json says of it."""
    (inputs, outputs), *_ = case.data_sets
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    given = dict(zip((i.name for i in graph.input), inputs))
    data = DATA.get(op, [0])
    kept = []
    for k, (name, value) in enumerate(given.items()):
        constant = None if data is ALL or k in data else tensor(value, name)
        if constant is None:
            kept.append(name)
        else:
            graph.initializer.append(constant)
    declared = {i.name: i for i in graph.input}
    del graph.input[:]
    graph.input.extend(declared[name] for name in kept)
    model.ir_version = max(4, model.ir_version)
    arrays = {}
    for kind, values in (("input", [given[name] for name in kept]), ("output", outputs)):
        for k, value in enumerate(values):
            array = numbers(value)
            if array is not None:
                arrays[f"{kind}{k}"] = array
    (ROOT / "cases" / f"{case.name}.onnx").write_bytes(model.SerializeToString())
    np.savez(ROOT / "cases" / f"{case.name}.npz", **arrays)
    results = [{"name": o.name, "type": element_type(o)} for o in graph.output]
    allowed = {"relative": case.rtol, "absolute": case.atol}
    return {"name": case.name, "op": op, "domain": domain, "inputs": kept, "outputs": results, "allowed": allowed}


def write_cases():
    """Decomposed cases test the operator of the case that they are named after."""
    cases = collected()
    tested = {case.name: case.model.graph.node[0] for case in cases if "_expanded" not in case.name}
    index = []
    for case in cases:
        node = tested.get(case.name.split("_expanded")[0], case.model.graph.node[0])
        index.append(write(case, node.op_type, node.domain or "ai.onnx"))
    (ROOT / "cases.json").write_text(json.dumps(index, indent="\t"))
    return len(index)


def attribute(a):
    """Type, and the default as text; '' for none."""
    default = a.default_value
    value = "" if default.type == onnx.AttributeProto.UNDEFINED else str(onnx.helper.get_attribute_value(default))
    return {"type": str(a.type).split(".")[-1], "required": a.required, "default": value}


def parameters(formal):
    return [{"name": p.name, "option": str(p.option).split(".")[-1]} for p in formal]


def write_versions():
    history = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        history.setdefault(f"{schema.domain or 'ai.onnx'} {schema.name}", []).append(
            {
                "since": schema.since_version,
                "deprecated": schema.deprecated,
                "attributes": {name: attribute(a) for name, a in sorted(schema.attributes.items())},
                "inputs": parameters(schema.inputs),
                "outputs": parameters(schema.outputs),
                "text": " ".join((schema.doc or "").split()),
            }
        )
    for versions in history.values():
        versions.sort(key=lambda version: version["since"])
    (ROOT / "versions.json").write_text(json.dumps(dict(sorted(history.items())), indent="\t"))
    return len(history)


if __name__ == "__main__":
    np.random.seed(0)
    shutil.rmtree(ROOT / "cases", ignore_errors=True)
    (ROOT / "cases").mkdir(parents=True)
    print(f"onnx {onnx.__version__}: {write_cases()} cases, {write_versions()} operators", file=sys.stderr)
