using System.Diagnostics;

namespace MLRoad.Inference.Cli;

/// <summary>Times of answers to single rows: those of the golden cases, in turn.</summary>
internal sealed class Load
{
    private const int WarmUp = 5;
    private const int MostRequests = 1000;
    private readonly InferenceModel model;
    private readonly IReadOnlyList<IReadOnlyList<Tensor>> requests;

    public Load(InferenceModel model, string casesFile)
    {
        this.model = model;
        requests =
        [
            .. CaseFile.Read(casesFile)
                .Where(found => found.Kind is "golden" or "boundary")
                .Take(MostRequests)
                .Select(found => found.Inputs!.Select(FirstRow).ToList()),
        ];
        if (requests.Count == 0)
        {
            throw new ModelException($"{casesFile}: There is no golden case to measure with.");
        }
    }

    /// <summary>Ask for a time, with several requests at once. A model that refuses has no times.</summary>
    public Figures Times(TimeSpan time, int concurrency = 1, int atMost = int.MaxValue)
    {
        var first = Stopwatch.GetTimestamp();
        try
        {
            for (var number = 0; number < WarmUp; number++)
            {
                model.Infer(requests[number % requests.Count]);
                if (number == 0)
                {
                    first = Stopwatch.GetTimestamp() - first;
                }
            }
        }
        catch (RefusedException)
        {
            return new Figures(null, 0, 0, 0);
        }
        var took = new List<long>[concurrency];
        var began = Stopwatch.GetTimestamp();
        var threads = Enumerable.Range(0, concurrency).Select(place => new Thread(() =>
        {
            took[place] = Ask(place, began, time, atMost);
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var all = took.SelectMany(some => some).Order().ToList();
        var latency = new Latency(Percentile(all, 0.5), Percentile(all, 0.95), Percentile(all, 0.99));
        return new Figures(latency, all.Count / seconds, Milliseconds(first), all.Count);
    }

    private List<long> Ask(int place, long began, TimeSpan time, int atMost)
    {
        var took = new List<long>();
        for (var number = place; took.Count < atMost && Stopwatch.GetElapsedTime(began) < time; number++)
        {
            var start = Stopwatch.GetTimestamp();
            model.Infer(requests[number % requests.Count]);
            took.Add(Stopwatch.GetTimestamp() - start);
        }
        return took;
    }

    private static double Percentile(List<long> sorted, double share) =>
        sorted.Count == 0 ? 0 : Math.Round(Milliseconds(sorted[(int)Math.Ceiling(share * (sorted.Count - 1))]), 4);

    private static double Milliseconds(long ticks) => ticks * 1000.0 / Stopwatch.Frequency;

    private static Tensor FirstRow(Tensor tensor)
    {
        if (tensor.Rows < 2)
        {
            return tensor;
        }
        var each = tensor.Data.LongLength / tensor.Rows;
        var data = Array.CreateInstance(tensor.Data.GetType().GetElementType()!, each);
        Array.Copy(tensor.Data, data, each);
        return new Tensor(tensor.Name, tensor.Type, [1, .. tensor.Shape.Skip(1)], data);
    }
}

/// <summary>What was measured; times in milliseconds.</summary>
internal sealed record Figures(Latency? Latency, double AnswersPerSecond, double FirstMs, int Answers);
