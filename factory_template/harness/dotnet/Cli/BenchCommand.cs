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
        var figures = new Load(model, Path.Combine(folder, "cases.jsonl")).Times(time, concurrency);
        if (figures.Latency is not { } latency)
        {
            throw new ModelException($"{folder}: The model refuses a golden case. Run `test` to see which.");
        }
        using var process = Process.GetCurrentProcess();
        var report = new BenchReport(
            model.Contract.Model,
            model.Contract.Version,
            concurrency,
            Math.Round(model.LoadTime.TotalMilliseconds, 2),
            Math.Round(figures.FirstMs, 3),
            latency,
            Math.Round(figures.AnswersPerSecond),
            Math.Round(process.PeakWorkingSet64 / 1e6, 1),
            figures.Answers);
        Console.WriteLine(asJson ? JsonSerializer.Serialize(report, BenchJson.Default.BenchReport) : AsText(report));
        return 0;
    }

    private static string AsText(BenchReport report) => string.Create(CultureInfo.InvariantCulture, $"""
        {report.Model} {report.Version}, {report.Answers} answers, {report.Concurrency} at a time
        cold start   {report.LoadMs:F1} ms to load, {report.FirstMs:F2} ms for the first answer
        latency      {report.Latency.P50Ms:F3} ms (median), {report.Latency.P95Ms:F3} ms (95 %), {report.Latency.P99Ms:F3} ms (99 %)
        throughput   {report.AnswersPerSecond:F0} answers a second
        memory       {report.PeakMb:F0} MB at most
        """);
}

/// <summary>The figures of a model: times in milliseconds, memory in megabytes.</summary>
internal sealed record BenchReport(
    string Model,
    string Version,
    int Concurrency,
    double LoadMs,
    double FirstMs,
    Latency Latency,
    double AnswersPerSecond,
    double PeakMb,
    int Answers);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class BenchJson : JsonSerializerContext;
