using System.Text.Json;
using System.Text.Json.Serialization;

namespace MLRoad.Inference;

/// <summary>What <c>contract.json</c> says of a model: its inputs and outputs, and where it comes from.</summary>
/// <remarks><c>mlroad export</c> writes it beside model.onnx.</remarks>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)] // an application may be older than its model
public sealed record Contract
{
    /// <summary>The format of the file: 1.</summary>
    [JsonRequired]
    public int Schema { get; set; }

    /// <summary>The model's name.</summary>
    [JsonRequired]
    public string Model { get; set; } = "";

    /// <summary>The registered version, or the id of a run.</summary>
    [JsonRequired]
    public string Version { get; set; } = "";

    /// <summary>The digest of the MLflow model that the ONNX model was made from.</summary>
    public string ModelDigest { get; set; } = "";

    /// <summary>The digest of model.onnx.</summary>
    public string OnnxDigest { get; set; } = "";

    /// <summary>The version of the ONNX operators.</summary>
    public int Opset { get; set; }

    /// <summary>The training data, as <c>name:version</c>.</summary>
    public string Dataset { get; set; } = "";

    /// <summary>The digest of that dataset version.</summary>
    public string DatasetDigest { get; set; } = "";

    /// <summary>The columns of a request.</summary>
    [JsonRequired]
    public IReadOnlyList<Field> Inputs { get; set; } = [];

    /// <summary>The outputs of an answer.</summary>
    [JsonRequired]
    public IReadOnlyList<Field> Outputs { get; set; } = [];

    /// <summary>All columns with datatype and shape; <c>?</c> if they are optional.</summary>
    public string Columns() => $"{Columns(Inputs)} -> {Columns(Outputs)}";

    private static string Columns(IReadOnlyList<Field> fields) => string.Join(", ", fields.Select(
        field => $"{field.Name}: {field.Datatype}[{string.Join(", ", field.Shape)}]{(field.Required ? "" : "?")}"));

    /// <summary>Read a contract.</summary>
    /// <exception cref="ModelException">The file cannot be read, or is not a contract.</exception>
    public static Contract Read(string file) => Documents.Read(file, Documents.Default.Contract, found => found.Schema);
}

/// <summary>An input or an output of a model.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
public sealed record Field
{
    /// <summary>The name.</summary>
    [JsonRequired]
    public string Name { get; set; } = "";

    /// <summary>The datatype.</summary>
    [JsonRequired]
    public DataType Datatype { get; set; }

    /// <summary>The length of each dimension; -1 is the number of rows.</summary>
    [JsonRequired]
    public IReadOnlyList<long> Shape { get; set; } = [];

    /// <summary>Whether a request must have the column, with a value in each row.</summary>
    public bool Required { get; set; } = true;

    /// <summary>The unit, for people.</summary>
    public string Unit { get; set; } = "";

    /// <summary>The texts that the model was trained with, for a column of categories.</summary>
    public IReadOnlyList<string> Allowed { get; set; } = [];

    /// <summary>The smallest value in the training data.</summary>
    public double? Minimum { get; set; }

    /// <summary>The largest value in the training data.</summary>
    public double? Maximum { get; set; }
}

/// <summary>How far an answer may differ: |answer - expected| &lt;= absolute + relative * |expected|.</summary>
public sealed record Limit
{
    /// <summary>A difference in the unit of the output.</summary>
    public double Absolute { get; set; }

    /// <summary>A share of the expected value.</summary>
    public double Relative { get; set; }
}

/// <summary>A limit for all outputs, limits for some, and the share of golden cases that may break them.</summary>
public sealed record Tolerance
{
    /// <summary>As in <see cref="Limit"/>, for all outputs.</summary>
    public double Absolute { get; set; }

    /// <summary>As in <see cref="Limit"/>, for all outputs.</summary>
    public double Relative { get; set; }

    /// <summary>Limits of single outputs.</summary>
    public IReadOnlyDictionary<string, Limit> Outputs { get; set; } = new Dictionary<string, Limit>();

    /// <summary>The share of golden cases, 0 to 1, whose values may break the limits.</summary>
    public double MayDiffer { get; set; }

    /// <summary>The limit of an output: its own, or the one for all.</summary>
    public Limit Of(string output) =>
        Outputs.TryGetValue(output, out var own) ? own : new Limit { Absolute = Absolute, Relative = Relative };
}

/// <summary>How long an answer to one row may take.</summary>
public sealed record LatencyBudget
{
    /// <summary>The 95th percentile in milliseconds.</summary>
    [JsonRequired]
    public double P95Ms { get; set; }
}

/// <summary>What <c>suite.json</c> says: suite.yml as JSON, written by <c>mlroad export</c>.</summary>
public sealed record Suite
{
    /// <summary>The format of the file: 1.</summary>
    [JsonRequired]
    public int Schema { get; set; }

    /// <summary>The model's name.</summary>
    [JsonRequired]
    public string Model { get; set; } = "";

    /// <summary>The training data of the model that gave the golden answers, as <c>name:version</c>.</summary>
    [JsonRequired]
    public string Dataset { get; set; } = "";

    /// <summary>The digest of that dataset version.</summary>
    [JsonRequired]
    public string Digest { get; set; } = "";

    /// <summary>SHA-256 of cases.jsonl, with \n as line ends.</summary>
    [JsonRequired]
    public string CasesDigest { get; set; } = "";

    /// <summary>The digest of suite.yml and cases.jsonl together, as the verdict names it.</summary>
    [JsonRequired]
    public string SuiteDigest { get; set; } = "";

    /// <summary>For a model trained on <see cref="Dataset"/>.</summary>
    [JsonRequired]
    public Tolerance Tolerance { get; set; } = new();

    /// <summary>For a model trained on other data.</summary>
    [JsonRequired]
    public Tolerance Retrained { get; set; } = new();

    /// <summary>How long an answer to one row may take; null if the suite does not say.</summary>
    public LatencyBudget? Latency { get; set; }

    /// <summary>Read a suite.</summary>
    /// <exception cref="ModelException">The file cannot be read, or is not a suite.</exception>
    public static Suite Read(string file)
    {
        var suite = Documents.Read(file, Documents.Default.Suite, found => found.Schema, complete: true);
        foreach (var tolerance in new[] { suite.Tolerance, suite.Retrained })
        {
            var limits = tolerance.Outputs.Values.SelectMany(limit => new[] { limit.Absolute, limit.Relative });
            if (!limits.Append(tolerance.Absolute).Append(tolerance.Relative).All(its => its >= 0 && double.IsFinite(its))
                || tolerance.MayDiffer is not (>= 0 and <= 1) || suite.Latency?.P95Ms is not (null or (> 0 and < double.PositiveInfinity)))
            {
                throw new ModelException(
                    $"{file}: Limits are finite numbers, 0 or more, and may_differ is at most 1. Export the model again with `mlroad export`.");
            }
        }
        return suite;
    }
}
