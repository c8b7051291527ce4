namespace MLRoad.Inference;

/// <summary>The result of a case. <see cref="What"/> is one sentence, empty for a case that simply passed.</summary>
public sealed record CaseResult(string Id, string Kind, bool Passed, string What = "")
{
    /// <summary>The line of cases.jsonl.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public int Line { get; init; }

    /// <summary>What kind of mistake it is, such as MI201; empty if it passed.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public string Code { get; init; } = "";
}

/// <summary>Judges the answers to a suite's cases.</summary>
public static class SuiteRun
{
    private const string Other = "MI201";
    private const string Refused = "MI202";
    private const string Accepted = "MI203";
    private const string InBatch = "MI207";
    private const string Change = "MI208";

    /// <summary>Ask a model all cases of a file, and judge its answers; the results are in the file's order.</summary>
    /// <param name="model">The model.</param>
    /// <param name="casesFile">cases.jsonl; it is read as a stream.</param>
    /// <param name="tolerance">How far answers may differ, where the case does not say.</param>
    /// <param name="concurrency">How many requests are asked at the same time.</param>
    /// <exception cref="ModelException">A line is not a case.</exception>
    public static IReadOnlyList<CaseResult> Run(
        InferenceModel model, string casesFile, Tolerance tolerance, int concurrency = 1)
    {
        return Judge(CaseQuestions.Ask(model, casesFile, concurrency), tolerance);
    }

    /// <summary>The results of cases with their answers: all cases of a suite, of which some may differ.</summary>
    public static IReadOnlyList<CaseResult> Judge(
        IEnumerable<(InferenceCase Case, CaseAnswers Answers)> asked, Tolerance tolerance)
    {
        ArgumentNullException.ThrowIfNull(tolerance);
        return Allow([.. asked.Select(pair => Judge(pair.Case, pair.Answers, tolerance))], tolerance);
    }

    /// <summary>The result of one case.</summary>
    /// <remarks>As src/mlroad/models/judge_cases.py; both are tested with Tests/judged_cases.jsonl.</remarks>
    public static CaseResult Judge(InferenceCase found, CaseAnswers answers, Tolerance tolerance)
    {
        ArgumentNullException.ThrowIfNull(found);
        ArgumentNullException.ThrowIfNull(answers);
        var own = found.Tolerance?.Over(tolerance) ?? tolerance;
        var (what, code) = (found.Kind, answers.Alone) switch
        {
            ("invalid", var answer) => Invalid(answer),
            (_, { Outputs: null } refused) => ($"The model refused: {Why(refused)}", Refused),
            ("golden" or "boundary", { Outputs: { } outputs }) => Golden(found, outputs, answers.Batch, own),
            (_, { Outputs: { } before }) => Moved(found, before, answers.Changed, own),
        };
        return new CaseResult(found.Id, found.Kind, code.Length == 0, what) { Line = found.Line, Code = code };
    }

    private static (string What, string Code) Invalid(Answer answer) => answer switch
    {
        { Outputs: { } outputs } => ($"The model should refuse this request, but answered {Said(outputs)}.", Accepted),
        { Ended: true } => ($"The model did not refuse, but failed: {Why(answer)}", Refused),
        _ when string.IsNullOrWhiteSpace(answer.Refused) => ("The model refused without saying why.", Accepted),
        _ => ("", ""),
    };

    private static (string What, string Code) Golden(
        InferenceCase found, IReadOnlyList<Tensor> alone, Answer? batch, Tolerance tolerance)
    {
        var wrong = Comparison.Difference(found.Expected, alone, tolerance);
        if (batch is null)
        {
            return ("There is no answer to this case in a batch.", Refused);
        }
        if (batch.Outputs is not { } joined)
        {
            return wrong.Length > 0
                ? ($"{wrong} In a batch, it is refused: {Why(batch)}", InBatch)
                : ($"Right alone, but refused in a batch: {Why(batch)}", InBatch);
        }
        var wrongToo = Comparison.Difference(found.Expected, joined, tolerance);
        return (wrong.Length > 0, wrongToo.Length > 0) switch
        {
            (false, false) => ("", ""),
            (false, true) => ($"Right alone, but wrong in a batch: {wrongToo}", InBatch),
            (true, false) => ($"Right in a batch, but wrong alone: {wrong}", InBatch),
            // The share of golden cases that may differ is of a model that agrees with itself.
            _ => Comparison.Difference(alone, joined, tolerance) is { Length: > 0 } apart
                ? ($"{wrong} In a batch, it answers otherwise: {apart}", InBatch)
                : (wrong, Other),
        };
    }

    private static (string What, string Code) Moved(
        InferenceCase found, IReadOnlyList<Tensor> before, Answer? changed, Tolerance tolerance)
    {
        if (changed is null)
        {
            return ("There is no answer to the changed request.", Refused);
        }
        if (changed.Outputs is not { } after)
        {
            return ($"The model refused the changed request: {Why(changed)}", Refused);
        }
        if (found.Output.Length > 0)
        {
            before = [.. before.Where(tensor => tensor.Name == found.Output)];
            after = [.. after.Where(tensor => tensor.Name == found.Output)];
            if (before.Count == 0 || after.Count == 0)
            {
                return ($"There is no output {found.Output}.", Change);
            }
        }
        var what = found.Holds == "same"
            ? Comparison.Difference(before, after, tolerance)
            : Comparison.Direction(before[0], after[0], found.Holds, found.AtLeast);
        return (what.Length, found.Holds) switch
        {
            (0, _) => ("", ""),
            (_, "same") => ($"The change moves the answer: {what}", Change),
            _ => (what, Change),
        };
    }

    private static string Why(Answer answer) => $"{answer.Refused?.TrimEnd('.')}.";

    /// <summary>Let a share `may_differ` of the golden cases have other values, and with it all boundary cases.</summary>
    /// <remarks>A model of other data has other thresholds.</remarks>
    private static IReadOnlyList<CaseResult> Allow(IReadOnlyList<CaseResult> results, Tolerance tolerance)
    {
        if (tolerance.MayDiffer == 0)
        {
            return results;
        }
        var golden = results.Count(result => result.Kind == "golden");
        var differ = results.Count(result => result is { Kind: "golden", Code: Other });
        var share = differ <= tolerance.MayDiffer * golden
            ? $"allowed: {differ} of {golden} golden cases differ, and {Show.Answer(tolerance.MayDiffer)} of them may."
            : null;
        return
        [
            .. results.Select(result =>
                result.Code == Other && (result.Kind == "boundary" ? "allowed: the thresholds of a retrained model may move." : share) is { } reason
                    ? result with { Passed = true, Code = "", What = $"{result.What} ({reason})" }
                    : result),
        ];
    }

    private static string Said(IReadOnlyList<Tensor> answer) => string.Join(
        ", ", answer.Select(tensor => $"{tensor.Name} [{string.Join(", ", tensor.Data.Cast<object>().Take(3).Select(Show.Answer))}]"));
}
