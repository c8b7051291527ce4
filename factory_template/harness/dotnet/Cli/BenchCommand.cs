using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MLRoad.Inference.Cli;

/// <summary>`bench`: cold start, latency, throughput and memory.</summary>
internal static class BenchCommand
{
    public static int Run(string folder, int concurrency, TimeSpan time, bool asJson)
    {
        using var model = InferenceModel.Load(folder);
        var load = new Load(model, Path.Combine(folder, "cases.jsonl"));
        var first = load.First();
        var report = BenchReport.Of(model, load.Times(time, concurrency), first);
        if (report.Latency is null)
        {
            throw new ModelException($"{folder}: The model refuses a golden case. Run `test` to see which.");
        }
        Console.WriteLine(asJson ? report.Json() : report.Text());
        return 0;
    }
}

/// <summary>The figures of a model: times in milliseconds, memory in megabytes. One that refuses has no latency.</summary>
internal sealed record BenchReport(
    string Model,
    string Version,
    int Concurrency,
    double LoadMs,
    double FirstMs,
    Latency? Latency,
    double AnswersPerSecond,
    double PeakMb,
    int Answers)
{
    public static BenchReport Of(InferenceModel model, Figures figures, double firstMs)
    {
        using var process = Process.GetCurrentProcess();
        return new(
            model.Contract.Model,
            model.Contract.Version,
            figures.Concurrency,
            Math.Round(model.LoadTime.TotalMilliseconds, 2),
            Math.Round(firstMs, 3),
            figures.Latency,
            Math.Round(figures.AnswersPerSecond),
            Math.Round(process.PeakWorkingSet64 / 1e6, 1),
            figures.Answers);
    }

    public string Json() => JsonSerializer.Serialize(this, BenchJson.Default.BenchReport);

    public string Text() => string.Create(CultureInfo.InvariantCulture, $"""
        {Model} {Version}, {Answers} answers, {Concurrency} at a time
        cold start   {LoadMs:F1} ms to load, {FirstMs:F2} ms for the first answer
        latency      {Latency!.P50Ms:F3} ms (median), {Latency.P95Ms:F3} ms (95 %), {Latency.P99Ms:F3} ms (99 %)
        throughput   {AnswersPerSecond:F0} answers a second
        memory       {PeakMb:F0} MB at most
        """);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class BenchJson : JsonSerializerContext;
