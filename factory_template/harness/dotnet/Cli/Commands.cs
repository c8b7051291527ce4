using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MLRoad.Inference.Cli;

/// <summary>`test`: the verdict of a folder.</summary>
internal static class TestCommand
{
    public static int Run(string folder, int concurrency, string? file, bool asJson)
    {
        if (file is not null)
        {
            File.Delete(file); // an interrupted test leaves no verdict
        }
        var verdict = Verdict.Of(folder, concurrency);
        using (var model = InferenceModel.Load(folder))
        {
            var load = new Load(model, Path.Combine(folder, "cases.jsonl"));
            verdict = verdict.With(load.Times(TimeSpan.FromSeconds(1), atMost: 200).Latency);
        }
        if (file is not null)
        {
            var part = $"{file}.part";
            File.WriteAllText(part, verdict.Json());
            File.Move(part, file, overwrite: true);
        }
        Console.WriteLine(asJson ? verdict.Json() : AsText(verdict, Path.Combine(folder, "cases.jsonl")));
        return verdict.Passed ? 0 : 1;
    }

    private static string AsText(Verdict verdict, string cases)
    {
        var lines = verdict.Results.Where(result => !result.Passed)
            .Select(result => $"{cases}:{result.Line}: {result.Code}: {result.Id}: {result.What}")
            .ToList();
        var total = $"{verdict.Cases} {(verdict.Cases == 1 ? "case" : "cases")}";
        lines.Add(verdict.Failed > 0 ? $"{verdict.Failed} of {total} failed" : $"{total} passed");
        lines[^1] += $": {verdict.Model} {verdict.Run} in .NET, judged by {verdict.JudgedBy}";
        if (verdict.Latency is { } latency)
        {
            lines.Add(FormattableString.Invariant(
                $"one row takes {latency.P50Ms:F3} ms (median), {latency.P95Ms:F3} ms (95th percentile)"));
        }
        if (verdict.Reason.Length > 0)
        {
            lines.Add(verdict.Reason);
        }
        return string.Join(Environment.NewLine, lines);
    }
}

/// <summary>`answer`: the model's answers to all cases, for a judge elsewhere, and its figures.</summary>
internal static class AnswerCommand
{
    private const int Together = 1 << 16;

    public static int Run(string folder, string file, int concurrency)
    {
        File.Delete(file); // an interrupted run leaves no answers
        var cases = Path.Combine(folder, "cases.jsonl");
        using var model = InferenceModel.Load(folder);
        var load = new Load(model, cases);
        var first = load.First();
        var part = $"{file}.part";
        using (var stream = File.Create(part))
        {
            var lines = new ArrayBufferWriter<byte>(Together);
            using var writer = new Utf8JsonWriter(lines, new JsonWriterOptions { SkipValidation = true });
            foreach (var (_, answers) in CaseQuestions.Ask(model, cases, concurrency))
            {
                JsonSerializer.Serialize(writer, answers, Documents.Default.CaseAnswers);
                writer.Flush();
                writer.Reset();
                lines.Write("\n"u8);
                if (lines.WrittenCount > Together)
                {
                    stream.Write(lines.WrittenSpan);
                    lines.ResetWrittenCount();
                }
            }
            stream.Write(lines.WrittenSpan);
        }
        File.Move(part, file, overwrite: true);
        Console.WriteLine(BenchReport.Of(model, load.Times(TimeSpan.FromSeconds(1), concurrency, atMost: 200), first).Json());
        return 0;
    }
}

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
