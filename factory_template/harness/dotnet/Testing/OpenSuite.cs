using System.Collections.Concurrent;

namespace MLRoad.Inference.Testing;

/// <summary>The results of a folder's suite: the model is loaded and asked once for all theories.</summary>
internal sealed class OpenSuite
{
    private static readonly ConcurrentDictionary<string, Lazy<OpenSuite>> Open = new(StringComparer.Ordinal);
    private readonly Lazy<Dictionary<string, CaseResult>> results;

    private OpenSuite(string folder)
    {
        Ids = [.. CaseFile.Read(Path.Combine(folder, "cases.jsonl")).Select(found => found.Id)];
        results = new(() => Verdict.Of(folder).Results.ToDictionary(result => result.Id));
    }

    public IReadOnlyList<string> Ids { get; }

    public static OpenSuite At(string folder)
    {
        var full = Path.Combine(AppContext.BaseDirectory, folder);
        return Open.GetOrAdd(full, _ => new Lazy<OpenSuite>(() => new OpenSuite(full))).Value;
    }

    public CaseResult Result(string id) => results.Value[id];
}
