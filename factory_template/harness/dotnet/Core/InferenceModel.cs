using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;

namespace MLRoad.Inference;

/// <summary>An ONNX model that answers requests. One instance serves any number of threads.</summary>
/// <remarks>
/// Beside model.onnx it expects contract.json, as <c>mlroad export</c> writes both. Requests are checked before the
/// model sees them: each column once, in its datatype, with equally many rows. FP64 is rounded to FP32, and whole
/// numbers become numbers, where the model asks for that; nothing else is converted.
/// </remarks>
public sealed class InferenceModel : IDisposable
{
    private readonly InferenceSession session;
    private readonly RunOptions options = new();
    private readonly string[] inputNames;
    private readonly string[] outputNames;
    private readonly Column[] columns;
    private readonly Dictionary<string, int> places;
    private readonly ConcurrentBag<RowRun> idle = [];
    private readonly bool canReserve;

    private InferenceModel(InferenceSession session, Contract contract, Column[] columns)
    {
        this.session = session;
        this.columns = columns;
        Contract = contract;
        inputNames = [.. columns.Select(column => column.Field.Name)];
        outputNames = [.. contract.Outputs.Select(output => output.Name)];
        canReserve = RowRun.IsPossible(session, columns, contract.Outputs);
        places = columns.Select((column, place) => (column.Field.Name, place))
            .ToDictionary(pair => pair.Name, pair => pair.place, StringComparer.Ordinal);
    }

    /// <summary>What the model expects and gives.</summary>
    public Contract Contract { get; }

    /// <summary>How long it took to load the model and to answer nothing yet.</summary>
    public TimeSpan LoadTime { get; private init; }

    /// <summary>Load <c>model.onnx</c> and <c>contract.json</c> from a folder.</summary>
    /// <exception cref="ModelException">One is missing, broken, or not of the other.</exception>
    public static InferenceModel Load(string folder)
    {
        var began = Stopwatch.GetTimestamp();
        var contract = Contract.Read(Path.Combine(folder, "contract.json"));
        var file = Path.Combine(folder, "model.onnx");
        if (!File.Exists(file))
        {
            throw new ModelException($"{file}: This file is missing. Export the model with `mlroad export`.");
        }
        // Answers to single rows are so quick that more threads in one answer would only wait for each other.
        using var options = new Microsoft.ML.OnnxRuntime.SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        InferenceSession session;
        try
        {
            session = new InferenceSession(file, options);
        }
        catch (OnnxRuntimeException error)
        {
            throw new ModelException($"{file}: The model cannot be loaded: {error.Message}", error);
        }
        try
        {
            var columns = contract.Inputs.Select(field => Column.Of(field, session.InputMetadata, file)).ToArray();
            CheckNames(file, "input", contract.Inputs, session.InputMetadata.Keys);
            CheckNames(file, "output", contract.Outputs, session.OutputMetadata.Keys);
            foreach (var output in contract.Outputs)
            {
                Column.CheckOutput(output, session.OutputMetadata[output.Name], file);
            }
            return new InferenceModel(session, contract, columns) { LoadTime = Stopwatch.GetElapsedTime(began) };
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>The answer to a request: one tensor for each output.</summary>
    /// <exception cref="RefusedException">The request is not one that the model answers.</exception>
    public IReadOnlyList<Tensor> Infer(IReadOnlyList<Tensor> inputs)
    {
        var found = Find(inputs, out var rows);
        if (rows == 1 && canReserve)
        {
            return InferRow(found);
        }
        using var prepared = Prepare(found, rows);
        return Infer(prepared);
    }

    /// <summary>The answer to a request that was checked and converted before.</summary>
    /// <exception cref="RefusedException">The model itself refuses.</exception>
    public IReadOnlyList<Tensor> Infer(PreparedRequest prepared)
    {
        ArgumentNullException.ThrowIfNull(prepared);
        try
        {
            using var answer = session.Run(options, inputNames, prepared.Values, outputNames);
            var outputs = new Tensor[outputNames.Length];
            for (var place = 0; place < outputs.Length; place++)
            {
                outputs[place] = OrtTensors.Read(outputNames[place], answer[place]);
            }
            return outputs;
        }
        catch (OnnxRuntimeException error)
        {
            throw new RefusedException($"The model refused: {error.Message}");
        }
    }

    /// <summary>Check a request, and convert it to what the model reads. Dispose of it after use.</summary>
    /// <exception cref="RefusedException">The request is not one that the model answers.</exception>
    public PreparedRequest Prepare(IReadOnlyList<Tensor> inputs)
    {
        var found = Find(inputs, out var rows);
        return Prepare(found, rows);
    }

    private Tensor[] InferRow(Tensor?[] found)
    {
        if (!idle.TryTake(out var run))
        {
            run = new RowRun(session, columns, Contract.Outputs);
        }
        try
        {
            for (var place = 0; place < columns.Length; place++)
            {
                run.Put(place, columns[place].Values(found[place], 1));
            }
            return run.Answer(options);
        }
        catch (OnnxRuntimeException error)
        {
            throw new RefusedException($"The model refused: {error.Message}");
        }
        finally
        {
            idle.Add(run);
        }
    }

    /// <summary>The tensor of each column; null for one that the request does not have.</summary>
    private Tensor?[] Find(IReadOnlyList<Tensor> inputs, out long rows)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var found = new Tensor?[columns.Length];
        rows = -1;
        foreach (var tensor in inputs)
        {
            if (!places.TryGetValue(tensor.Name, out var place))
            {
                throw new RefusedException($"There is no input {tensor.Name}. The inputs are {Show.Names(inputNames)}.");
            }
            if (found[place] is not null)
            {
                throw new RefusedException($"There are two inputs {tensor.Name}.");
            }
            if (rows >= 0 && tensor.Rows != rows)
            {
                throw new RefusedException(
                    $"The inputs differ in length: {tensor.Name} has {tensor.Rows} rows, {inputs[0].Name} has {rows}.");
            }
            rows = tensor.Rows;
            found[place] = tensor;
        }
        if (rows < 1)
        {
            throw new RefusedException("The request has no rows.");
        }
        return found;
    }

    private PreparedRequest Prepare(Tensor?[] found, long rows)
    {
        var values = new OrtValue[columns.Length];
        try
        {
            for (var place = 0; place < columns.Length; place++)
            {
                values[place] = columns[place].Convert(found[place], rows);
            }
        }
        catch
        {
            foreach (var value in values)
            {
                value?.Dispose();
            }
            throw;
        }
        return new PreparedRequest(values);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (idle.TryTake(out var run))
        {
            run.Dispose();
        }
        options.Dispose();
        session.Dispose();
    }

    private static void CheckNames(
        string file, string what, IReadOnlyList<Field> said, IEnumerable<string> found)
    {
        var names = said.Select(field => field.Name).ToHashSet(StringComparer.Ordinal);
        if (names.Count < said.Count || !names.SetEquals(found))
        {
            throw new ModelException(
                $"{file}: The {what}s are {Show.Names(found)}, but contract.json says "
                + $"{Show.Names(said.Select(field => field.Name))}. Export both again with `mlroad export`.");
        }
    }
}

/// <summary>A request as the model reads it.</summary>
public sealed class PreparedRequest : IDisposable
{
    internal PreparedRequest(OrtValue[] values) => Values = values;

    internal OrtValue[] Values { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var value in Values)
        {
            value.Dispose();
        }
    }
}
