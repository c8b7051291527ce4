using System.Diagnostics;

namespace MLRoad.Inference;

/// <summary>A model's answer to one request: its outputs and the time, or why it refused.</summary>
public sealed record Answer
{
    /// <summary>One tensor for each output; null if the model refused.</summary>
    public IReadOnlyList<Tensor>? Outputs { get; init; }

    /// <summary>The time of the answer in milliseconds.</summary>
    public double? Ms { get; init; }

    /// <summary>Why the model refused.</summary>
    public string? Refused { get; init; }

    /// <summary>Whether the model's process ended. In process it never does.</summary>
    public bool? Ended { get; init; }

    internal static Answer Of(RefusedException error) => new() { Refused = error.Message, Ended = false };
}

/// <summary>All answers that a case needs; one line of case_answers.jsonl.</summary>
public sealed record CaseAnswers
{
    /// <summary>The case's id.</summary>
    public required string Id { get; init; }

    /// <summary>The answer to the case's own request.</summary>
    public required Answer Alone { get; init; }

    /// <summary>The answer to the request after the change of an invariance or directional case.</summary>
    public Answer? Changed { get; init; }

    /// <summary>This case's rows out of one request that joins up to 256 golden and boundary cases.</summary>
    public Answer? Batch { get; init; }
}

/// <summary>Asks a model the cases of a file. Whether the answers are right is another question.</summary>
public static class CaseQuestions
{
    private const int Together = 256;

    /// <summary>Each case with its answers, in the order of the file. The file is read as a stream.</summary>
    /// <param name="model">The model.</param>
    /// <param name="casesFile">cases.jsonl.</param>
    /// <param name="concurrency">How many requests are asked at the same time.</param>
    /// <exception cref="ModelException">A line is not a case.</exception>
    public static IEnumerable<(InferenceCase Case, CaseAnswers Answers)> Ask(
        InferenceModel model, string casesFile, int concurrency = 1)
    {
        ArgumentNullException.ThrowIfNull(model);
        var options = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(concurrency, 1) };
        foreach (var part in CaseFile.Read(casesFile).Chunk(Together).Chunk(options.MaxDegreeOfParallelism * 4))
        {
            var answers = new IReadOnlyList<CaseAnswers>[part.Length];
            Parallel.For(0, part.Length, options, place => answers[place] = Ask(model, part[place]));
            foreach (var pair in part.Zip(answers).SelectMany(both => both.First.Zip(both.Second)))
            {
                yield return pair;
            }
        }
    }

    /// <summary>The answers to at most 256 cases.</summary>
    private static CaseAnswers[] Ask(InferenceModel model, InferenceCase[] cases)
    {
        var answers = Array.ConvertAll(cases, found => new CaseAnswers
        {
            Id = found.Id,
            Alone = found.Inputs is null
                ? Answer.Of(new RefusedException(found.Refused))
                : Ask(model, found.Inputs),
        });
        for (var place = 0; place < cases.Length; place++)
        {
            if (cases[place].Change.Count > 0 && answers[place].Alone.Outputs is not null)
            {
                answers[place] = answers[place] with { Changed = Ask(model, cases[place].Changed()) };
            }
        }
        // A case that is refused alone would make the model refuse the others in its batch.
        var golden = Enumerable.Range(0, cases.Length)
            .Where(place => cases[place].IsAnswered && answers[place].Alone.Outputs is not null);
        foreach (var alike in golden.GroupBy(place => cases[place].Inputs!, SameColumns))
        {
            int[] places = [.. alike];
            var batch = InBatch(model, Array.ConvertAll(places, place => cases[place].Inputs!));
            foreach (var (place, answer) in places.Zip(batch))
            {
                answers[place] = answers[place] with { Batch = answer };
            }
        }
        return answers;
    }

    private static Answer Ask(InferenceModel model, IReadOnlyList<Tensor> inputs)
    {
        var began = Stopwatch.GetTimestamp();
        try
        {
            var outputs = model.Infer(inputs);
            return new Answer
            {
                Outputs = outputs,
                Ms = Math.Round(Stopwatch.GetElapsedTime(began).TotalMilliseconds, 4),
            };
        }
        catch (RefusedException error)
        {
            return Answer.Of(error);
        }
    }

    /// <summary>The answers to some requests that are asked as one. A lone request is joined with itself.</summary>
    private static IEnumerable<Answer> InBatch(InferenceModel model, IReadOnlyList<Tensor>[] requests)
    {
        var joined = Batches.Join(requests.Length > 1 ? requests : [requests[0], requests[0]]);
        var answer = Ask(model, joined);
        long first = 0;
        foreach (var rows in requests.Select(request => request[0].Rows))
        {
            yield return answer.Outputs is { } outputs
                ? answer with { Outputs = Batches.Rows(outputs, first, rows, joined[0].Rows) }
                : answer;
            first += rows;
        }
    }

    /// <summary>Whether requests can be joined: the columns are the same, in the same order.</summary>
    private static readonly IEqualityComparer<IReadOnlyList<Tensor>> SameColumns =
        EqualityComparer<IReadOnlyList<Tensor>>.Create(HaveSameColumns, inputs => inputs.Count);

    private static bool HaveSameColumns(IReadOnlyList<Tensor>? one, IReadOnlyList<Tensor>? other)
    {
        for (var place = 0; place < one!.Count && one.Count == other!.Count; place++)
        {
            var (tensor, its) = (one[place], other[place]);
            if (tensor.Name != its.Name || tensor.Type != its.Type
                || !tensor.Shape.AsSpan(1).SequenceEqual(its.Shape.AsSpan(1)))
            {
                return false;
            }
        }
        return one.Count == other!.Count;
    }
}
