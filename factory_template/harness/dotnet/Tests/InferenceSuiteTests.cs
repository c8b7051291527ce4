using MLRoad.Inference.Testing;
using Xunit.Sdk;

namespace MLRoad.Inference.Tests;

/// <summary>The theories that an application's own tests get from a suite.</summary>
public sealed class InferenceSuiteTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Each_case_is_a_theory()
    {
        var cases = await Cases();

        Assert.Equal(["golden-1", "golden-2", "invalid-1", "older", "other-town"], cases.Select(one => one.ToString()));
        Assert.All(cases, one => one.Check());
    }

    [Fact]
    public async Task A_case_that_fails_names_the_tensor_the_index_and_both_values()
    {
        File.WriteAllBytes(folder.In("model.onnx"), TinyOnnx.Bytes(weight: 3));

        var error = Assert.Throws<InferenceCaseException>((await Cases())[0].Check);

        Assert.StartsWith("golden-1: prediction[0] is 71, expected 51", error.Message, StringComparison.Ordinal);
    }

    private async Task<List<SuiteCase>> Cases()
    {
        var rows = await new InferenceSuiteAttribute(folder.Path).GetData(GetType().GetMethod(nameof(Dispose))!, new DisposalTracker());
        return [.. rows.Select(row => (SuiteCase)row.GetData()[0]!)];
    }
}
