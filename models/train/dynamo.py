"""Export by torch.export, the exporter of torch 2. Made with torch 2.15, onnx 1.23.2 and onnxscript."""
import torch


def dynamo(model, example, path, input, output):
    """Write the model of one input and one output, with its weights, without where its lines stood in the source."""
    program = torch.onnx.export(model, (example,), dynamo=True, input_names=[input], output_names=[output])
    graph = program.model.graph
    values = [*graph.inputs, *graph.initializers.values(), *(y for node in graph for y in node.outputs)]
    for described in (graph, *graph, *values):
        described.metadata_props.clear()
    program.save(path, external_data=False)
