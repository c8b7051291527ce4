using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace MLRoad.Inference;

/// <summary>An input of the model: what a request may say, and what the graph reads.</summary>
internal sealed class Column
{
    private readonly long[] tail;

    private Column(Field field, TensorElementType type, long[] tail)
    {
        Field = field;
        Type = type;
        this.tail = tail;
    }

    public Field Field { get; }

    /// <summary>The type of the graph's input.</summary>
    public TensorElementType Type { get; }

    /// <summary>The graph's shape for one row.</summary>
    public long[] RowShape => ShapeFor(1);

    /// <summary>The column of a field, compared with the graph's own description.</summary>
    public static Column Of(Field field, IReadOnlyDictionary<string, NodeMetadata> graph, string file)
    {
        if (!graph.TryGetValue(field.Name, out var node))
        {
            throw new ModelException(
                $"{file}: There is no input {field.Name}, but contract.json has it. The inputs are "
                + $"{Show.Names(graph.Keys)}. Export both again with `mlroad export`.");
        }
        CheckKind(field, node, file);
        var shape = node.Dimensions;
        return new Column(field, node.ElementDataType, [.. shape.Skip(1).Select(length => (long)length)]);
    }

    public static void CheckOutput(Field field, NodeMetadata node, string file) => CheckKind(field, node, file);

    /// <summary>The values as ONNX Runtime takes them. <paramref name="tensor"/> is null if the request has none.</summary>
    public OrtValue Convert(Tensor? tensor, long rows) => OrtTensors.Create(Values(tensor, rows), ShapeFor(rows));

    /// <summary>The values as the graph reads them.</summary>
    public Array Values(Tensor? tensor, long rows)
    {
        if (tensor is null)
        {
            if (Field.Required)
            {
                throw new RefusedException($"The input {Field.Name} is missing.");
            }
            tensor = OrtTensors.Missing(Field, rows);
        }
        if (OrtTensors.FamilyOf(tensor.Type) is var family
            && family != OrtTensors.FamilyOf(Field.Datatype)
            && !(family == Family.Integer && OrtTensors.FamilyOf(Field.Datatype) == Family.Number))
        {
            throw new RefusedException($"The input {Field.Name} is {tensor.Type}, but {Field.Datatype} is expected.");
        }
        CheckShape(tensor);
        return OrtTensors.Values(tensor, Type, Field);
    }

    /// <summary>The graph's shape for a request. A column of shape [n] is [n, 1] for the graph, and vice versa.</summary>
    private long[] ShapeFor(long rows) => tail.Length == 1 ? [rows, Math.Max(tail[0], 1)] : [rows, .. tail];

    private void CheckShape(Tensor tensor)
    {
        long values = 1;
        foreach (var length in tail)
        {
            values *= Math.Max(length, 1);
        }
        if (values * tensor.Rows != tensor.Data.Length)
        {
            throw new RefusedException(
                $"The input {Field.Name} has the shape {Show.Shape(tensor.Shape)}, but "
                + $"{Show.Shape([tensor.Rows, .. tail])} is expected.");
        }
    }

    private static void CheckKind(Field field, NodeMetadata node, string file)
    {
        if (!node.IsTensor || node.ElementDataType is var found
            && (OrtTensors.TypeOf(found) is not { } type
                || OrtTensors.FamilyOf(type) != OrtTensors.FamilyOf(field.Datatype)))
        {
            throw new ModelException(
                $"{file}: {field.Name} is {(node.IsTensor ? node.ElementDataType : node.OnnxValueType)} in the model, "
                + $"but {field.Datatype} in contract.json. Export both again with `mlroad export`.");
        }
    }
}
