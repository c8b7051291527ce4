using System.Globalization;
using System.Text.Json;

namespace MLRoad.Inference;

/// <summary>The verdict, as every runtime writes it (the reference of inference tests has its keys).</summary>
public sealed record Verdict
{
    /// <summary>The format: 1.</summary>
    public int Schema { get; init; } = 1;

    /// <summary>What ran the model.</summary>
    public string Runtime { get; init; } = "dotnet";

    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The run or the version that was tested.</summary>
    public required string Run { get; init; }

    /// <summary>The digest of the MLflow model.</summary>
    public string ModelDigest { get; init; } = "";

    /// <summary>The digest of suite.yml and cases.jsonl.</summary>
    public string SuiteDigest { get; init; } = "";

    /// <summary>Only if every case was run and passed.</summary>
    public bool Passed { get; init; }

    /// <summary>Why no case could be run, or why the model is too slow; otherwise empty.</summary>
    public string Reason { get; init; } = "";

    /// <summary>tolerance or retrained.</summary>
    public string JudgedBy { get; init; } = "";

    /// <summary>How many cases were run.</summary>
    public int Cases { get; init; }

    /// <summary>How many of them failed.</summary>
    public int Failed { get; init; }

    /// <summary>Cases that were not asked alone. In .NET each one is.</summary>
    public int InBatchOnly { get; init; }

    /// <summary>The result of each case.</summary>
    public IReadOnlyList<CaseResult> Results { get; init; } = [];

    /// <summary>Times of a single row.</summary>
    public Latency? Latency { get; init; }

    /// <summary>What the suite allows.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public LatencyBudget? Budget { get; init; }

    /// <summary>The time in UTC.</summary>
    public string Made { get; init; } =
        DateTimeOffset.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture);

    /// <summary>Test the model of a folder that <c>mlroad export</c> wrote.</summary>
    /// <exception cref="ModelException">The model or the suite cannot be used.</exception>
    public static Verdict Of(string folder, int concurrency = 1)
    {
        var suite = Suite.Read(Path.Combine(folder, "suite.json"));
        var cases = Path.Combine(folder, "cases.jsonl");
        if (!File.Exists(cases))
        {
            throw new ModelException($"{cases}: This file is missing. Export the model again with `mlroad export`.");
        }
        if (CaseFile.Digest(cases) != suite.CasesDigest)
        {
            throw new ModelException(
                $"{cases}: The cases were edited after they were exported. Export the model again with `mlroad export`.");
        }
        using var model = InferenceModel.Load(folder);
        var contract = model.Contract;
        if (contract.Model != suite.Model)
        {
            throw new ModelException(
                $"{folder}: The model is {contract.Model}, the suite is of {suite.Model}. Export the model again.");
        }
        var isSame = contract.Dataset == suite.Dataset;
        if (isSame && contract.DatasetDigest != suite.Digest)
        {
            throw new ModelException(
                $"{folder}: The model was trained on another {suite.Dataset} than the suite: the digests differ.");
        }
        var results = SuiteRun.Run(model, cases, isSame ? suite.Tolerance : suite.Retrained, concurrency);
        if (!results.Any(result => result.Kind == "golden"))
        {
            throw new ModelException($"{cases}: There is no golden case. Freeze some with `mlroad freeze`.");
        }
        var failed = results.Count(result => !result.Passed);
        return new Verdict
        {
            Model = contract.Model,
            Run = contract.Version,
            ModelDigest = contract.ModelDigest,
            SuiteDigest = suite.SuiteDigest,
            Budget = suite.Latency,
            JudgedBy = isSame ? "tolerance" : "retrained",
            Passed = failed == 0,
            Cases = results.Count,
            Failed = failed,
            Results = results,
        };
    }

    /// <summary>The verdict with the times of a single row; a model that is too slow has not passed.</summary>
    public Verdict With(Latency? latency)
    {
        if (latency is null || Budget is null || latency.P95Ms <= Budget.P95Ms)
        {
            return this with { Latency = latency };
        }
        var reason = FormattableString.Invariant(
            $"One row takes {latency.P95Ms:G3} ms (95th percentile), and suite.yml allows {Budget.P95Ms:G6} ms.");
        return this with { Latency = latency, Passed = false, Reason = reason };
    }

    /// <summary>The verdict as JSON.</summary>
    public string Json() => JsonSerializer.Serialize(this, Documents.Default.Verdict);
}

/// <summary>Milliseconds for one row: median, 95th and 99th percentile.</summary>
public sealed record Latency(double P50Ms, double P95Ms, double P99Ms);
