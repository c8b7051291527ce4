using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MLRoad.Inference;

/// <summary>One line of cases.jsonl: a request, and what must hold of the answer.</summary>
public sealed record InferenceCase
{
    /// <summary>The case's own name.</summary>
    public required string Id { get; init; }

    /// <summary>golden, boundary, invariance, directional or invalid.</summary>
    public required string Kind { get; init; }

    /// <summary>The line of the file.</summary>
    public required int Line { get; init; }

    /// <summary>The request. Null if it is so wrong that it is no tensor; then <see cref="Refused"/> says why.</summary>
    public IReadOnlyList<Tensor>? Inputs { get; init; }

    /// <summary>Why the request cannot be read; only an invalid case may have that.</summary>
    public string Refused { get; init; } = "";

    /// <summary>The inputs that are changed for the second request of an invariance or directional case.</summary>
    public IReadOnlyList<Tensor> Change { get; init; } = [];

    /// <summary>The outputs of a golden or boundary case.</summary>
    public IReadOnlyList<Tensor> Expected { get; init; } = [];

    /// <summary>What must hold between the two answers: same, increase or decrease.</summary>
    public string Holds { get; init; } = "";

    /// <summary>The output that it must hold for; empty for all.</summary>
    public string Output { get; init; } = "";

    /// <summary>The smallest change of a directional case.</summary>
    public double AtLeast { get; init; }

    /// <summary>The limits of this case, which go before those of the suite.</summary>
    public CaseTolerance? Tolerance { get; init; }

    /// <summary>Whether the case compares values.</summary>
    public bool IsAnswered => Kind is "golden" or "boundary";

    /// <summary>The request after the change.</summary>
    public IReadOnlyList<Tensor> Changed() =>
        [.. Inputs!.Select(input => Change.FirstOrDefault(other => other.Name == input.Name) ?? input)];
}

/// <summary>A line as it is written.</summary>
public sealed record CaseLine
{
    /// <summary>The case's own name.</summary>
    [JsonRequired]
    public string Id { get; set; } = "";

    /// <summary>The kind.</summary>
    [JsonRequired]
    public string Kind { get; set; } = "";

    /// <summary>The request; that of an invalid case may be wrong on purpose.</summary>
    [JsonRequired]
    [JsonConverter(typeof(RequestOrReasonConverter))]
    public RequestOrReason Request { get; set; } = new(null, "");

    /// <summary>The change of an invariance or directional case.</summary>
    public CaseChange? Change { get; set; }

    /// <summary>What is expected.</summary>
    [JsonRequired]
    public Expectation Expect { get; set; } = new();

    /// <summary>The limits of this case, which go before those of the suite.</summary>
    public CaseTolerance? Tolerance { get; set; }

    /// <summary>For people, to choose cases by.</summary>
    public IReadOnlyList<string>? Tags { get; set; }
}

/// <summary>The inputs of the second request that differ from those of the first.</summary>
public sealed record CaseChange
{
    /// <summary>The columns.</summary>
    [JsonRequired]
    public IReadOnlyList<Tensor> Inputs { get; set; } = [];
}

/// <summary>The tensors of a request, or why it has none.</summary>
public sealed record RequestOrReason(IReadOnlyList<Tensor>? Inputs, string Refused);

/// <summary>Reads any JSON as a request, so that a line with a wrong one is still a case.</summary>
public sealed class RequestOrReasonConverter : JsonConverter<RequestOrReason>
{
    /// <summary>A null is a wrong request.</summary>
    public override bool HandleNull => true;

    /// <inheritdoc/>
    public override RequestOrReason Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var start = reader;
        try
        {
            var request = JsonSerializer.Deserialize(ref reader, Documents.Default.InferenceRequest);
            return new(request?.Inputs, request is null ? "The request is empty." : "");
        }
        catch (Exception error) when (error is RefusedException or JsonException)
        {
            reader = start;
            reader.Skip();
            return new(null, error.Message);
        }
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, RequestOrReason value, JsonSerializerOptions options) =>
        throw new NotSupportedException("Cases are only read.");
}

/// <summary>The limits that a case states itself.</summary>
public sealed record CaseTolerance
{
    /// <summary>As in <see cref="Limit"/>, for all outputs.</summary>
    public double? Absolute { get; set; }

    /// <summary>As in <see cref="Limit"/>, for all outputs.</summary>
    public double? Relative { get; set; }

    /// <summary>Limits of single outputs.</summary>
    public IReadOnlyDictionary<string, Limit> Outputs { get; set; } = new Dictionary<string, Limit>();

    /// <summary>The tolerance of the case, where <paramref name="suite"/> has the limits that it does not state.</summary>
    public Tolerance Over(Tolerance suite)
    {
        ArgumentNullException.ThrowIfNull(suite);
        var isOwn = Absolute is not null || Relative is not null;
        var outputs = new Dictionary<string, Limit>(isOwn ? [] : suite.Outputs);
        foreach (var (output, limit) in Outputs)
        {
            outputs[output] = limit;
        }
        return suite with
        {
            Absolute = isOwn ? Absolute ?? 0 : suite.Absolute,
            Relative = isOwn ? Relative ?? 0 : suite.Relative,
            Outputs = outputs,
        };
    }
}

/// <summary>What a case expects.</summary>
public sealed record Expectation
{
    /// <summary>The answer.</summary>
    public IReadOnlyList<Tensor>? Outputs { get; set; }

    /// <summary>True if the model must refuse.</summary>
    public bool? Error { get; set; }

    /// <summary>same, increase or decrease.</summary>
    public string? Holds { get; set; }

    /// <summary>The output that it must hold for.</summary>
    public string? Output { get; set; }

    /// <summary>The smallest change.</summary>
    public double? AtLeast { get; set; }
}

/// <summary>Reads cases.jsonl line by line, so that its size does not matter.</summary>
public static class CaseFile
{
    /// <summary>All cases, in order.</summary>
    /// <exception cref="ModelException">A line is not a case, or an id is there twice.</exception>
    public static IEnumerable<InferenceCase> Read(string file)
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        var number = 0;
        foreach (var line in Lines(file))
        {
            number++;
            var found = Parse(line, number, file);
            if (!ids.Add(found.Id))
            {
                throw new ModelException($"{file}:{number}: Duplicate id: {found.Id}. Give each case its own id.");
            }
            yield return found;
        }
    }

    /// <summary>The lines as bytes: they are JSON, whose reader checks them. One line may be as long as an array.</summary>
    private static IEnumerable<ReadOnlyMemory<byte>> Lines(string file)
    {
        using var stream = File.OpenRead(file);
        var buffer = new byte[1 << 16];
        var (start, end, searched) = (0, 0, 0);
        while (true)
        {
            var length = buffer.AsSpan(searched, end - searched).IndexOf((byte)'\n');
            if (length >= 0)
            {
                yield return buffer.AsMemory(start, searched + length - start);
                start = searched = searched + length + 1;
                continue;
            }
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end, searched) = (0, end - start, end - start);
            if (end == buffer.Length)
            {
                Array.Resize(ref buffer, buffer.Length * 2);
            }
            var read = stream.Read(buffer.AsSpan(end));
            if (read == 0)
            {
                if (end > 0)
                {
                    yield return buffer.AsMemory(0, end);
                }
                yield break;
            }
            end += read;
        }
    }

    /// <summary><c>sha256:…</c> of a text file, with Windows line ends read as \n.</summary>
    public static string Digest(string file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var stream = File.OpenRead(file);
        var buffer = new byte[1 << 16];
        var kept = new byte[buffer.Length + 1];
        var isReturn = false;
        int length;
        while ((length = stream.Read(buffer)) > 0)
        {
            var count = 0;
            foreach (var value in buffer.AsSpan(0, length))
            {
                if (isReturn && value != (byte)'\n')
                {
                    kept[count++] = (byte)'\r';
                }
                isReturn = value == (byte)'\r';
                if (!isReturn)
                {
                    kept[count++] = value;
                }
            }
            hash.AppendData(kept, 0, count);
        }
        if (isReturn)
        {
            hash.AppendData("\r"u8);
        }
        return $"sha256:{Convert.ToHexStringLower(hash.GetHashAndReset())}";
    }

    private static InferenceCase Parse(ReadOnlyMemory<byte> text, int number, string file)
    {
        try
        {
            var line = JsonSerializer.Deserialize(text.Span, Documents.Default.CaseLine)
                ?? throw new JsonException("A case should be a JSON object.");
            if (line.Tolerance is not null || text.Span.IndexOf("null"u8) >= 0)
            {
                Documents.CheckValues(text.Span);
            }
            if (line.Request.Inputs is null && line.Kind != "invalid")
            {
                throw new RefusedException(line.Request.Refused);
            }
            var found = new InferenceCase
            {
                Id = line.Id,
                Kind = line.Kind,
                Line = number,
                Inputs = line.Request.Inputs,
                Refused = line.Request.Refused,
                Change = line.Change?.Inputs ?? [],
                Expected = line.Expect.Outputs ?? [],
                Holds = line.Expect.Holds ?? "",
                Output = line.Expect.Output ?? "",
                AtLeast = line.Expect.AtLeast ?? 0,
                Tolerance = line.Tolerance,
            };
            Check(found, line);
            return found;
        }
        catch (Exception error) when (error is JsonException or RefusedException)
        {
            throw new ModelException(
                $"{file}:{number}: {error.Message} `mlroad freeze` writes this file.", error);
        }
    }

    private static void Check(InferenceCase found, CaseLine line)
    {
        var expect = line.Expect;
        if (string.IsNullOrWhiteSpace(found.Id))
        {
            throw new RefusedException("The id of a case should be text.");
        }
        var isComplete = found.Kind switch
        {
            "golden" or "boundary" => found.Expected.Any(tensor => tensor.Data.Length > 0),
            "invariance" => found.Change.Count > 0 && found.Holds == "same",
            "directional" => found.Change.Count > 0 && found.Holds is "increase" or "decrease",
            "invalid" => expect.Error == true,
            _ => throw new RefusedException(
                $"{found.Kind} is not a kind of case. Known: golden, boundary, invariance, directional, invalid."),
        };
        if (!isComplete)
        {
            throw new RefusedException($"The {found.Kind} case {found.Id} does not say what it expects.");
        }
        var hasOthers = (expect.Outputs is not null && !found.IsAnswered)
            || (expect.Error is not null && found.Kind != "invalid")
            || ((expect.Holds ?? expect.Output) is not null && found.Change.Count == 0)
            || (expect.AtLeast is not null && found.Kind != "directional");
        if (hasOthers || expect.Output is "" || line.Tags?.Any(string.IsNullOrWhiteSpace) == true)
        {
            throw new RefusedException($"A {found.Kind} case cannot expect this, or a text in it is empty.");
        }
        if (found.Tolerance is { Absolute: null, Relative: null, Outputs.Count: 0 }
            || (found.IsAnswered && found.Tolerance?.Outputs.Keys.Except(found.Expected.Select(its => its.Name)).Any() == true))
        {
            throw new RefusedException($"The tolerance of {found.Id} is empty, or names an output that is not expected.");
        }
        if (line.Change is not null && found.Kind is not ("invariance" or "directional"))
        {
            throw new RefusedException($"A case of the kind {found.Kind} has no change.");
        }
        if (line.Tolerance is not null && found.Kind is not ("golden" or "boundary" or "invariance"))
        {
            throw new RefusedException($"A case of the kind {found.Kind} has no tolerance.");
        }
        var limits = (found.Tolerance?.Outputs.Values ?? []).SelectMany(limit => new[] { limit?.Absolute ?? -1, limit?.Relative ?? -1 });
        if (!limits.Append(found.Tolerance?.Absolute ?? 0).Append(found.Tolerance?.Relative ?? 0).Append(found.AtLeast)
            .All(limit => limit >= 0 && double.IsFinite(limit)))
        {
            throw new RefusedException("A tolerance and at_least should be finite numbers, 0 or more.");
        }
        if (found.Expected.FirstOrDefault(IsNotFinite) is { } endless)
        {
            throw new RefusedException($"{endless.Name} expects NaN or infinity, and such an answer never passes.");
        }
        var twice = (found.Kind == "invalid" ? null : Twice(found.Inputs)) ?? Twice(found.Change) ?? Twice(found.Expected);
        if (twice is not null)
        {
            throw new RefusedException($"Duplicate tensor: {twice}.");
        }
        if (found.Change.FirstOrDefault(change => found.Inputs!.All(input => input.Name != change.Name)) is { } other)
        {
            throw new RefusedException($"The change of {found.Id} names {other.Name}, which the request does not have.");
        }
    }

    private static bool IsNotFinite(Tensor tensor) => tensor.Data switch
    {
        double[] numbers => !Array.TrueForAll(numbers, double.IsFinite),
        float[] numbers => !Array.TrueForAll(numbers, float.IsFinite),
        _ => false,
    };

    private static string? Twice(IReadOnlyList<Tensor>? tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        return tensors?.FirstOrDefault(tensor => !names.Add(tensor.Name))?.Name;
    }
}
