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
            .Select(result => $"{cases}:{result.Line}: {result.Id}: {result.What}")
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
