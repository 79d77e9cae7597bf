"""Exports networks by PyTorch's exporter of traced programs (dynamo=True); one with its weights in a file beside it.

    python3 dynamo.py     (torch 2.15, onnx 1.23, onnxscript 0.7.2; the models are committed, tests do not run this)
"""

from pathlib import Path

import torch
from pytorch import Attention, Decoder, Encoder, GeluMlp, Groups, Masked, Mobile, Residual, Transformer, trained


def export(model, shape, name, opset, external=False, dynamic=None):
    torch.onnx.export(
        trained(model),
        (torch.randn(shape),),
        str(Path(__file__).parent / f"{name}.onnx"),
        dynamo=True,
        opset_version=opset,
        input_names=["x"],
        output_names=["y"],
        dynamic_shapes=dynamic and {"x": dynamic},
        external_data=external,
    )


if __name__ == "__main__":
    torch.manual_seed(2)
    batch = {0: torch.export.Dim("n", min=1, max=64)}
    export(Residual(), (2, 2, 8, 8), "dynamo-residual", 18, external=True, dynamic=batch)
    export(GeluMlp(), (2, 8), "dynamo-gelumlp", 20, dynamic=batch)
    export(Attention(), (1, 3, 4), "dynamo-attention", 18)
    export(Encoder(), (1, 3, 3), "dynamo-encoder", 20)
    export(Transformer(), (2, 3, 4), "dynamo-transformer", 20, dynamic=batch)
    export(Groups(), (1, 1, 6, 6), "dynamo-groups", 21)
    export(Decoder(), (1, 3, 4, 4), "dynamo-decoder", 18)
    export(Mobile(), (1, 3, 8, 8), "dynamo-mobile", 18)
    export(Masked(), (1, 6), "dynamo-masked", 18)
