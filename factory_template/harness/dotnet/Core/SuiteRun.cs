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

/// <summary>Judges the answers to a suite's cases.</summary>
public static class SuiteRun
{
    /// <summary>Ask a model all cases of a file, and judge its answers; the results are in the file's order.</summary>
    /// <param name="model">The model.</param>
    /// <param name="casesFile">cases.jsonl; it is read as a stream.</param>
    /// <param name="tolerance">How far answers may differ, where the case does not say.</param>
    /// <param name="concurrency">How many requests are asked at the same time.</param>
    /// <exception cref="ModelException">A line is not a case.</exception>
    public static IReadOnlyList<CaseResult> Run(
        InferenceModel model, string casesFile, Tolerance tolerance, int concurrency = 1)
    {
        ArgumentNullException.ThrowIfNull(tolerance);
        return Allow(
            [.. CaseQuestions.Ask(model, casesFile, concurrency).Select(pair => Judge(pair.Case, pair.Answers, tolerance))],
            tolerance);
    }

    /// <summary>The result of one case.</summary>
    public static CaseResult Judge(InferenceCase found, CaseAnswers answers, Tolerance tolerance)
    {
        ArgumentNullException.ThrowIfNull(found);
        ArgumentNullException.ThrowIfNull(answers);
        var own = found.Tolerance?.Over(tolerance) ?? tolerance;
        var (what, isValue) = (found.Kind, answers.Alone) switch
        {
            ("invalid", { Outputs: { } outputs }) =>
                ($"The model should refuse this request, but answered {Said(outputs)}.", false),
            ("invalid", _) => ("", false),
            (_, { Outputs: null } refused) => ($"The model refused: {refused.Refused}", false),
            ("golden" or "boundary", { Outputs: { } outputs }) => Golden(found, outputs, answers.Batch, own),
            (_, { Outputs: { } before }) => (Moved(found, before, answers.Changed, own), false),
        };
        return new CaseResult(found.Id, found.Kind, what.Length == 0, what) { Line = found.Line, IsValue = isValue };
    }

    private static (string What, bool IsValue) Golden(
        InferenceCase found, IReadOnlyList<Tensor> alone, Answer? batch, Tolerance tolerance)
    {
        if (batch?.Outputs is not { } joined)
        {
            return ($"Right alone, but refused in a batch: {batch?.Refused}", false);
        }
        var wrong = Comparison.Difference(found.Expected, alone, tolerance);
        var wrongToo = Comparison.Difference(found.Expected, joined, tolerance);
        return (wrong.Length > 0, wrongToo.Length > 0) switch
        {
            (false, false) => ("", false),
            (false, true) => ($"Right alone, but wrong in a batch: {wrongToo}", false),
            (true, false) => ($"Right in a batch, but wrong alone: {wrong}", false),
            // The share of golden cases that may differ is of a model that agrees with itself.
            _ => Comparison.Difference(alone, joined, tolerance) is { Length: > 0 } apart
                ? ($"{wrong} In a batch, it answers otherwise: {apart}", false)
                : (wrong, true),
        };
    }

    private static string Moved(
        InferenceCase found, IReadOnlyList<Tensor> before, Answer? changed, Tolerance tolerance)
    {
        if (changed?.Outputs is not { } after)
        {
            return $"The model refused the changed request: {changed?.Refused}";
        }
        if (found.Output.Length > 0)
        {
            before = [.. before.Where(tensor => tensor.Name == found.Output)];
            after = [.. after.Where(tensor => tensor.Name == found.Output)];
            if (before.Count == 0 || after.Count == 0)
            {
                return $"There is no output {found.Output}.";
            }
        }
        if (found.Holds != "same")
        {
            return Comparison.Direction(before[0], after[0], found.Holds, found.AtLeast);
        }
        var moved = Comparison.Difference(before, after, tolerance);
        return moved.Length > 0 ? $"The change moves the answer: {moved}" : "";
    }

    /// <summary>Let a share `may_differ` of the golden cases have other values, and with it all boundary cases.</summary>
    /// <remarks>A model of other data has other thresholds.</remarks>
    private static IReadOnlyList<CaseResult> Allow(IReadOnlyList<CaseResult> results, Tolerance tolerance)
    {
        if (tolerance.MayDiffer == 0)
        {
            return results;
        }
        var golden = results.Count(result => result.Kind == "golden");
        var differ = results.Count(result => result is { Kind: "golden", IsValue: true, Passed: false });
        var share = differ <= tolerance.MayDiffer * golden
            ? $"allowed: {differ} of {golden} golden cases differ, and {Show.Value(tolerance.MayDiffer)} of them may."
            : null;
        return
        [
            .. results.Select(result =>
                (result.Kind == "boundary" ? "allowed: the thresholds of a retrained model may move." : share) is { } reason
                && result is { IsValue: true, Passed: false }
                    ? result with { Passed = true, What = $"{result.What} ({reason})" }
                    : result),
        ];
    }

    private static string Said(IReadOnlyList<Tensor> answer) => string.Join(
        ", ", answer.Select(tensor => $"{tensor.Name} [{string.Join(", ", tensor.Data.Cast<object>().Take(3).Select(Show.Value))}]"));
}
