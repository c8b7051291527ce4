using System.Collections.Concurrent;

namespace MLRoad.Inference;

/// <summary>The result of a case. <see cref="What"/> is one sentence, empty for a case that simply passed.</summary>
public sealed record CaseResult(string Id, string Kind, bool Passed, string What = "")
{
    /// <summary>The line of cases.jsonl.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public int Line { get; init; }

    /// <summary>Whether only the values differ: `may_differ` can allow that.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool IsValue { get; init; }
}

/// <summary>Runs the cases of a suite as an application would: one model, several requests at a time.</summary>
public static class SuiteRun
{
    private const int Together = 64;

    /// <summary>The results of all cases of a file, in its order.</summary>
    /// <param name="model">The model.</param>
    /// <param name="casesFile">cases.jsonl; it is read as a stream.</param>
    /// <param name="tolerance">How far answers may differ.</param>
    /// <param name="concurrency">How many requests are asked at the same time.</param>
    /// <exception cref="ModelException">A line is not a case.</exception>
    public static IReadOnlyList<CaseResult> Run(
        InferenceModel model, string casesFile, Tolerance tolerance, int concurrency = 1)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tolerance);
        var results = new ConcurrentQueue<CaseResult>();
        var options = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(concurrency, 1) };
        try
        {
            var parts = Partitioner.Create(
                CaseFile.Read(casesFile).Chunk(Together), EnumerablePartitionerOptions.NoBuffering);
            Parallel.ForEach(parts, options, cases =>
            {
                foreach (var result in Judge(model, cases, tolerance))
                {
                    results.Enqueue(result);
                }
            });
        }
        catch (AggregateException error) when (error.InnerException is ModelException first)
        {
            throw first;
        }
        return Allow([.. results.OrderBy(result => result.Line)], tolerance);
    }

    /// <summary>The results of some cases: each alone, then the golden ones in one batch.</summary>
    public static IEnumerable<CaseResult> Judge(
        InferenceModel model, IReadOnlyList<InferenceCase> cases, Tolerance tolerance)
    {
        ArgumentNullException.ThrowIfNull(cases);
        var alone = cases.Select(found => Judge(model, found, tolerance)).ToList();
        var golden = cases.Where((found, place) => IsGolden(found) && alone[place].Passed).ToList();
        foreach (var (id, what) in InBatch(model, golden, tolerance))
        {
            var place = alone.FindIndex(result => result.Id == id);
            alone[place] = alone[place] with { Passed = false, What = what };
        }
        return alone;
    }

    /// <summary>The result of one case.</summary>
    public static CaseResult Judge(InferenceModel model, InferenceCase found, Tolerance tolerance)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(found);
        ArgumentNullException.ThrowIfNull(tolerance);
        var what = "";
        var isValue = false;
        try
        {
            if (found.Inputs is null)
            {
                throw new RefusedException(found.Refused);
            }
            var answer = model.Infer(found.Inputs);
            (what, isValue) = found.Kind switch
            {
                "invalid" => ($"The model should refuse this request, but answered {Said(answer)}.", false),
                "golden" or "boundary" => (Comparison.Difference(found.Expected, answer, tolerance), true),
                _ => (Compare(found, answer, model.Infer(found.Changed()), tolerance), false),
            };
        }
        catch (RefusedException error)
        {
            what = found.Kind == "invalid" ? "" : $"The model refused: {error.Message}";
        }
        return new CaseResult(found.Id, found.Kind, what.Length == 0, what) { Line = found.Line, IsValue = isValue };
    }

    private static bool IsGolden(InferenceCase found) => found.Kind is "golden" or "boundary";

    private static string Compare(
        InferenceCase found, IReadOnlyList<Tensor> before, IReadOnlyList<Tensor> after, Tolerance tolerance)
    {
        if (found.Holds == "same" && found.Output.Length == 0)
        {
            return Comparison.Difference(before, after, tolerance) is { Length: > 0 } moved
                ? $"The change should not move the answer: {moved}"
                : "";
        }
        var (first, second) = (Named(found, before), Named(found, after));
        return found.Holds == "same"
            ? Comparison.Difference([first], [second], tolerance)
            : Comparison.Direction(first, second, found.Holds == "increase", found.AtLeast);
    }

    private static Tensor Named(InferenceCase found, IReadOnlyList<Tensor> answer) =>
        (found.Output.Length == 0 ? answer[0] : answer.FirstOrDefault(tensor => tensor.Name == found.Output))
        ?? throw new RefusedException($"There is no output {found.Output}.");

    /// <summary>The cases that are right alone and wrong in a batch, with what is wrong.</summary>
    private static IEnumerable<(string Id, string What)> InBatch(
        InferenceModel model, IReadOnlyList<InferenceCase> golden, Tolerance tolerance)
    {
        foreach (var alike in golden.GroupBy(Layout))
        {
            var cases = alike.ToList();
            if (cases.Sum(found => found.Inputs![0].Rows) < 2)
            {
                continue;
            }
            IReadOnlyList<Tensor>? answer = null;
            var refused = "";
            try
            {
                answer = model.Infer(Batches.Join([.. cases.Select(found => found.Inputs!)]));
            }
            catch (RefusedException error)
            {
                refused = error.Message;
            }
            long row = 0;
            foreach (var found in cases)
            {
                var rows = found.Inputs![0].Rows;
                var what = answer is null
                    ? $"The model refused: {refused}"
                    : Comparison.Difference(found.Expected, Batches.Rows(answer, row, rows), tolerance);
                row += rows;
                if (what.Length > 0)
                {
                    yield return (found.Id, $"Right alone, but wrong in a batch of {cases.Count} cases: {what}");
                }
            }
        }
    }

    private static string Layout(InferenceCase found) =>
        string.Join('|', found.Inputs!.Select(input => $"{input.Name}:{input.Type}:{input.Shape.Length}"));

    /// <summary>Let a share `may_differ` of the golden cases have other values.</summary>
    private static IReadOnlyList<CaseResult> Allow(IReadOnlyList<CaseResult> results, Tolerance tolerance)
    {
        var golden = results.Count(result => result.Kind is "golden" or "boundary");
        var differ = results.Count(result => !result.Passed && result.IsValue);
        if (differ == 0 || differ > tolerance.MayDiffer * golden)
        {
            return results;
        }
        var share = $"allowed: {differ} of {golden} golden cases differ, and {Show.Value(tolerance.MayDiffer)} of them may.";
        return
        [
            .. results.Select(result => !result.Passed && result.IsValue
                ? result with { Passed = true, What = $"{result.What} ({share})" }
                : result),
        ];
    }

    private static string Said(IReadOnlyList<Tensor> answer) => string.Join(
        ", ", answer.Select(tensor => $"{tensor.Name} [{string.Join(", ", tensor.Data.Cast<object>().Take(3).Select(Show.Value))}]"));
}
