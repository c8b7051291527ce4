using System.Text.Json;

namespace MLRoad.Inference.Tests;

/// <summary>Asking is separate from judging: the answers to the cases, as `answer` writes them.</summary>
public sealed class AnswerTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Every_case_is_answered_in_the_order_of_the_file(int concurrency)
    {
        using var model = InferenceModel.Load(folder.Path);
        var answers = CaseQuestions.Ask(model, folder.In("cases.jsonl"), concurrency).Select(pair => pair.Answers).ToList();

        Assert.Equal(["golden-1", "golden-2", "invalid-1", "older", "other-town"], answers.Select(one => one.Id));
        Assert.Equal([51f], answers[0].Alone.Outputs![0].Values<float>());
        Assert.Equal([62f], answers[1].Batch!.Outputs![0].Values<float>());
        Assert.Contains("age is BYTES", answers[2].Alone.Refused, StringComparison.Ordinal);
        Assert.False(answers[2].Alone.Ended);
        Assert.Equal([61f], answers[3].Changed!.Outputs![0].Values<float>());
        Assert.All(answers, one => Assert.Equal(one.Id.StartsWith("golden", StringComparison.Ordinal), one.Batch is not null));
    }

    [Fact]
    public void A_line_has_the_keys_that_other_judges_read()
    {
        using var model = InferenceModel.Load(folder.Path);
        var lines = CaseQuestions.Ask(model, folder.In("cases.jsonl"))
            .Select(pair => JsonSerializer.SerializeToElement(pair.Answers, Documents.Default.CaseAnswers))
            .ToList();

        Assert.Equal(["id", "alone", "batch"], Keys(lines[0]));
        Assert.Equal(["outputs", "ms"], Keys(lines[0].GetProperty("alone")));
        Assert.Equal(["id", "alone"], Keys(lines[2]));
        Assert.Equal(["refused", "ended"], Keys(lines[2].GetProperty("alone")));
        Assert.Equal(["id", "alone", "changed"], Keys(lines[3]));
    }

    [Fact]
    public void A_lone_golden_case_is_asked_in_a_batch_as_well()
    {
        folder.WriteCases(ModelFolder.Golden[..(ModelFolder.Golden.IndexOf('\n', StringComparison.Ordinal) + 1)]);
        File.WriteAllBytes(folder.In("model.onnx"), TinyOnnx.Bytes(swapsRows: true));
        using var model = InferenceModel.Load(folder.Path);

        var answers = Assert.Single(CaseQuestions.Ask(model, folder.In("cases.jsonl"))).Answers;

        Assert.Equal([51f], answers.Batch!.Outputs![0].Values<float>());
    }

    [Fact]
    public void A_golden_case_that_is_refused_does_not_spoil_the_batch()
    {
        folder.Replace("cases.jsonl", "\"data\": [20.0]}, {\"name\": \"city\", \"shape\": [1, 1], \"datatype\": \"BYTES\", \"data\": [\"Ulm\"]}]}, \"expect\": {\"outputs\"", "\"data\": [\"NaN\"]}, {\"name\": \"city\", \"shape\": [1, 1], \"datatype\": \"BYTES\", \"data\": [\"Ulm\"]}]}, \"expect\": {\"outputs\"");
        using var model = InferenceModel.Load(folder.Path);

        var answers = CaseQuestions.Ask(model, folder.In("cases.jsonl")).Select(pair => pair.Answers).ToList();

        Assert.Contains("missing value", answers[0].Alone.Refused, StringComparison.Ordinal);
        Assert.Null(answers[0].Batch);
        Assert.Equal([62f], answers[1].Batch!.Outputs![0].Values<float>());
    }

    private static IEnumerable<string> Keys(JsonElement found) => found.EnumerateObject().Select(property => property.Name);
}
