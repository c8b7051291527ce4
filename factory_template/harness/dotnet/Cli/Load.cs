using System.Diagnostics;

namespace MLRoad.Inference.Cli;

/// <summary>Times of answers to single rows: those of the golden cases, in turn.</summary>
internal sealed class Load
{
    private const int WarmUp = 5;
    private const int MostRequests = 250;
    private readonly InferenceModel model;
    private readonly IReadOnlyList<IReadOnlyList<Tensor>> requests;

    public Load(InferenceModel model, string casesFile)
    {
        this.model = model;
        requests =
        [
            .. CaseFile.Read(casesFile)
                .Where(found => found.Kind == "golden")
                .Take(MostRequests)
                .Select(found => Batches.Rows(found.Inputs!, 0, 1, found.Inputs![0].Rows)),
        ];
        if (requests.Count == 0)
        {
            throw new ModelException($"{casesFile}: There is no golden case. Freeze some with `mlroad freeze`.");
        }
    }

    /// <summary>The milliseconds of the first answer, if nothing was asked before.</summary>
    public double First()
    {
        var began = Stopwatch.GetTimestamp();
        IsAnswered(requests[0]);
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    /// <summary>Ask for a time, with several requests at once. A model that refuses has no times.</summary>
    public Figures Times(TimeSpan time, int concurrency = 1, int atMost = int.MaxValue)
    {
        if (!requests.Take(WarmUp).All(IsAnswered))
        {
            return new Figures(null, concurrency, 0, 0);
        }
        var took = new List<long>?[concurrency];
        var began = Stopwatch.GetTimestamp();
        var threads = Enumerable.Range(0, concurrency).Select(place => new Thread(() =>
        {
            took[place] = Ask(place, began, time, atMost);
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        if (took.Contains(null))
        {
            return new Figures(null, concurrency, 0, 0);
        }
        var all = took.SelectMany(some => some!).Order().ToList();
        var latency = new Latency(Percentile(all, 0.5), Percentile(all, 0.95), Percentile(all, 0.99));
        return new Figures(latency, concurrency, all.Count / seconds, all.Count);
    }

    private bool IsAnswered(IReadOnlyList<Tensor> request)
    {
        try
        {
            model.Infer(request);
            return true;
        }
        catch (RefusedException)
        {
            return false;
        }
    }

    /// <summary>The ticks of each answer; null if the model refuses.</summary>
    private List<long>? Ask(int place, long began, TimeSpan time, int atMost)
    {
        var took = new List<long>();
        for (var number = place; took.Count < atMost && Stopwatch.GetElapsedTime(began) < time; number++)
        {
            var start = Stopwatch.GetTimestamp();
            if (!IsAnswered(requests[number % requests.Count]))
            {
                return null;
            }
            took.Add(Stopwatch.GetTimestamp() - start);
        }
        return took;
    }

    private static double Percentile(List<long> sorted, double share) =>
        sorted.Count == 0
            ? 0
            : Math.Round(sorted[(int)Math.Ceiling(share * (sorted.Count - 1))] * 1000.0 / Stopwatch.Frequency, 4);
}

/// <summary>What was measured. A model that refuses has no latency.</summary>
internal sealed record Figures(Latency? Latency, int Concurrency, double AnswersPerSecond, int Answers);
