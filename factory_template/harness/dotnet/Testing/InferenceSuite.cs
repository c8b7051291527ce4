using System.Collections.Concurrent;
using System.Reflection;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

namespace MLRoad.Inference.Testing;

/// <summary>Makes a theory of each case of a suite.</summary>
/// <example>
/// <code>
/// [Theory, InferenceSuite("Models/diabetes")]
/// public void The_model_answers_as_it_was_frozen(SuiteCase found) => found.Check();
/// </code>
/// </example>
/// <param name="folder">A folder that <c>mlroad export</c> wrote, from the folder of the test's assembly.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class InferenceSuiteAttribute(string folder) : DataAttribute
{
    /// <summary>The folder.</summary>
    public string Folder { get; } = folder;

    /// <inheritdoc/>
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(
        MethodInfo testMethod, DisposalTracker disposalTracker)
    {
        var suite = OpenSuite.At(Folder);
        var rows = suite.Ids.Select(id => (ITheoryDataRow)new TheoryDataRow<SuiteCase>(new SuiteCase(Folder, id))).ToList();
        return ValueTask.FromResult<IReadOnlyCollection<ITheoryDataRow>>(rows);
    }

    /// <inheritdoc/>
    public override bool SupportsDiscoveryEnumeration() => true;
}

/// <summary>One case of a suite, as a test's argument.</summary>
public sealed class SuiteCase : IXunitSerializable
{
    private string folder = "";
    private string id = "";

    /// <summary>For xunit only.</summary>
    public SuiteCase()
    {
    }

    internal SuiteCase(string folder, string id)
    {
        this.folder = folder;
        this.id = id;
    }

    /// <summary>Ask the model, alone and in a batch with the other golden cases.</summary>
    /// <exception cref="InferenceCaseException">The answer is not the expected one; the message says where.</exception>
    public void Check()
    {
        var result = OpenSuite.At(folder).Result(id);
        if (!result.Passed)
        {
            throw new InferenceCaseException($"{id}: {result.What}");
        }
    }

    /// <inheritdoc/>
    public void Deserialize(IXunitSerializationInfo info)
    {
        ArgumentNullException.ThrowIfNull(info);
        folder = info.GetValue<string>("folder")!;
        id = info.GetValue<string>("id")!;
    }

    /// <inheritdoc/>
    public void Serialize(IXunitSerializationInfo info)
    {
        ArgumentNullException.ThrowIfNull(info);
        info.AddValue("folder", folder);
        info.AddValue("id", id);
    }

    /// <inheritdoc/>
    public override string ToString() => id;
}

/// <summary>A case that did not pass.</summary>
public sealed class InferenceCaseException(string message) : Exception(message);

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
