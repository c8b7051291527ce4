using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace MLRoad.Inference;

/// <summary>One row at a time through a model, in memory that is reserved and bound once.</summary>
/// <remarks>Creating new values for each row would take a third of the time. One instance serves one thread at a time.</remarks>
internal sealed class RowRun : IDisposable
{
    private readonly InferenceSession session;
    private readonly OrtIoBinding binding;
    private readonly IReadOnlyList<Field> fields;
    private readonly long[][] shapes;
    private readonly (Array Data, OrtValue Value)[] inputs;
    private readonly (Array Data, OrtValue Value)[] outputs;

    /// <summary>Reserves the memory; <see cref="IsPossible"/> must hold.</summary>
    public RowRun(InferenceSession session, IReadOnlyList<Column> columns, IReadOnlyList<Field> fields)
    {
        this.session = session;
        this.fields = fields;
        inputs = [.. columns.Select(column => OrtTensors.Reserve(column.Type, column.RowShape))];
        shapes = [.. fields.Select(field => ShapeOf(session, field))];
        outputs = [.. fields.Select((field, place) => OrtTensors.Reserve(TypeOf(session, field), shapes[place]))];
        binding = session.CreateIoBinding();
        for (var place = 0; place < inputs.Length; place++)
        {
            binding.BindInput(columns[place].Field.Name, inputs[place].Value);
        }
        for (var place = 0; place < outputs.Length; place++)
        {
            binding.BindOutput(fields[place].Name, outputs[place].Value);
        }
    }

    /// <summary>Whether the shapes of a row are known, and the types are those that a contract can have.</summary>
    public static bool IsPossible(InferenceSession session, IEnumerable<Column> columns, IEnumerable<Field> fields) =>
        columns.All(column => OrtTensors.CanReserve(column.Type) && column.RowShape.All(length => length > 0))
        && fields.All(field => OrtTensors.CanReserve(TypeOf(session, field))
            && session.OutputMetadata[field.Name].Dimensions is [-1 or 1, ..]
            && ShapeOf(session, field).All(length => length > 0));

    /// <summary>Set an input: the values of <see cref="Column.Values"/>.</summary>
    public void Put(int place, Array values)
    {
        var (data, value) = inputs[place];
        if (values is string[] texts)
        {
            OrtTensors.Put(texts, value);
        }
        else
        {
            Array.Copy(values, data, data.Length);
        }
    }

    /// <summary>The answer to the row that was put.</summary>
    public Tensor[] Answer(RunOptions options)
    {
        session.RunWithBinding(options, binding);
        var answer = new Tensor[outputs.Length];
        for (var place = 0; place < answer.Length; place++)
        {
            var (data, value) = outputs[place];
            answer[place] = new Tensor(
                fields[place].Name,
                OrtTensors.TypeOf(data),
                [.. shapes[place]],
                data switch { string[] => value.GetStringTensorAsArray(), _ => (Array)data.Clone() });
        }
        return answer;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        binding.Dispose();
        foreach (var (_, value) in inputs.Concat(outputs))
        {
            value.Dispose();
        }
    }

    private static TensorElementType TypeOf(InferenceSession session, Field field) =>
        session.OutputMetadata[field.Name].ElementDataType;

    private static long[] ShapeOf(InferenceSession session, Field field) =>
        [1, .. session.OutputMetadata[field.Name].Dimensions.Skip(1).Select(length => (long)length)];
}
