using System.Text;

namespace MLRoad.Inference.Tests;

/// <summary>Each kind of case green and red, and each way in which a model is typically broken.</summary>
public sealed class VerdictTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_model_that_answers_as_frozen_passes()
    {
        var verdict = Verdict.Of(folder.Path, concurrency: 4);

        Assert.True(verdict.Passed);
        Assert.Equal(5, verdict.Cases);
        Assert.Equal("tolerance", verdict.JudgedBy);
        Assert.Equal(["golden-1", "golden-2", "invalid-1", "older", "other-town"], verdict.Results.Select(one => one.Id));
    }

    [Theory]
    [InlineData("51.0", "52.0", "golden-1", "prediction[0] is 51, expected 52: differs by 1, allowed is 0.001")]
    [InlineData("\"shape\": [1], \"datatype\": \"FP64\", \"data\": [51.0]", "\"shape\": [1, 1], \"datatype\": \"FP64\", \"data\": [51.0]", "golden-1", "prediction has the shape [1], but [1, 1] was expected")]
    [InlineData("\"datatype\": \"FP64\", \"data\": [51.0]", "\"datatype\": \"INT64\", \"data\": [51]", "golden-1", "prediction is FP32, but INT64 was expected")]
    [InlineData("\"prediction\", \"shape\": [1], \"datatype\": \"FP64\", \"data\": [51.0]", "\"score\", \"shape\": [1], \"datatype\": \"FP64\", \"data\": [51.0]", "golden-1", "The output score is missing; the outputs are prediction")]
    [InlineData("\"BYTES\", \"data\": [\"many\"]", "\"FP64\", \"data\": [1]", "invalid-1", "should refuse this request, but answered prediction [13]")]
    [InlineData("\"at_least\": 9", "\"at_least\": 11", "older", "prediction[0] should increase by 11 or more, but goes from 51 to 61")]
    [InlineData("\"holds\": \"increase\"", "\"holds\": \"decrease\"", "older", "should decrease")]
    [InlineData("Kiel", "Ulm", "other-town", "The change moves the answer: prediction[0] is 51, expected 41")]
    public void A_case_that_does_not_hold_is_named(string old, string by, string id, string what)
    {
        folder.WriteCases(ModelFolder.Golden.Replace(old, by, StringComparison.Ordinal));

        var verdict = Verdict.Of(folder.Path);

        Assert.False(verdict.Passed);
        var failed = Assert.Single(verdict.Results, result => !result.Passed);
        Assert.Equal(id, failed.Id);
        Assert.Contains(what, failed.What, StringComparison.Ordinal);
    }

    [Fact]
    public void A_weight_that_moved_is_red()
    {
        File.WriteAllBytes(folder.In("model.onnx"), TinyOnnx.Bytes(weight: 2.001f));

        var verdict = Verdict.Of(folder.Path);

        Assert.Equal(["golden-1", "golden-2"], verdict.Results.Where(one => !one.Passed).Select(one => one.Id));
        Assert.StartsWith("prediction[0] is 51.02, expected 51", verdict.Results[0].What, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_is_right_alone_and_wrong_in_a_batch_is_red()
    {
        File.WriteAllBytes(folder.In("model.onnx"), TinyOnnx.Bytes(swapsRows: true));

        var verdict = Verdict.Of(folder.Path);

        Assert.All(
            verdict.Results.Where(result => result.Kind == "golden"),
            result => Assert.StartsWith("Right alone, but wrong in a batch: prediction[0]", result.What, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"absolute": 1}""", true)]
    [InlineData("""{"outputs": {"prediction": {"relative": 0.1}}}""", true)]
    [InlineData("""{"absolute": 0.5}""", false)]
    public void The_tolerance_of_a_case_goes_before_that_of_the_suite(string tolerance, bool passes)
    {
        folder.WriteCases(ModelFolder.Golden
            .Replace("51.0", "52.0", StringComparison.Ordinal)
            .Replace("\"id\": \"golden-1\",", $"\"id\": \"golden-1\", \"tolerance\": {tolerance},", StringComparison.Ordinal));

        Assert.Equal(passes, Verdict.Of(folder.Path).Passed);
    }

    [Theory]
    [InlineData("truncated", "The model cannot be loaded")]
    [InlineData("empty", "The model cannot be loaded")]
    [InlineData("opset", "The model cannot be loaded")]
    [InlineData("renamed", "but contract.json says prediction")]
    [InlineData("missing", "This file is missing")]
    public void A_model_that_cannot_be_used_is_refused(string how, string what)
    {
        var onnx = TinyOnnx.Bytes();
        switch (how)
        {
            case "truncated":
                File.WriteAllBytes(folder.In("model.onnx"), onnx[..(onnx.Length / 2)]);
                break;
            case "empty":
                File.WriteAllBytes(folder.In("model.onnx"), []);
                break;
            case "opset":
                File.WriteAllBytes(folder.In("model.onnx"), TinyOnnx.Bytes(opset: 999));
                break;
            case "renamed":
                File.WriteAllBytes(folder.In("model.onnx"), TinyOnnx.Bytes(output: "score"));
                break;
            default:
                File.Delete(folder.In("model.onnx"));
                break;
        }

        var error = Assert.Throws<ModelException>(() => Verdict.Of(folder.Path));

        Assert.Contains(what, error.Message, StringComparison.Ordinal);
        Assert.Contains("model.onnx", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cases_that_were_edited_are_refused()
    {
        folder.Replace("cases.jsonl", "51.0", "52.0");

        Assert.Contains("edited", Assert.Throws<ModelException>(() => Verdict.Of(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("contract.json", "\"schema\": 1", "\"schema\": 2", "contract.json: schema 2 is newer than this harness")]
    [InlineData("suite.json", "\"schema\": 1", "\"schema\": 2", "suite.json: schema 2 is newer than this harness")]
    [InlineData("contract.json", "sha256:cc", "sha256:ee", "trained on another people:1 than the suite: the digests differ")]
    [InlineData("contract.json", "\"tiny\"", "\"other\"", "The model is other, the suite is of tiny")]
    public void Files_that_do_not_belong_together_are_refused(string file, string old, string by, string what)
    {
        folder.Replace(file, old, by);

        Assert.Contains(what, Assert.Throws<ModelException>(() => Verdict.Of(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{", "cases.jsonl:1")]
    [InlineData("{}", "cases.jsonl:1")]
    [InlineData("", "no golden case")]
    [InlineData("""{"id": "a", "kind": "golden", "request": {"inputs": []}, "expect": {}}""", "does not say what it expects")]
    [InlineData("""{"id": "a", "kind": "other", "request": {"inputs": []}, "expect": {}}""", "is not a kind of case")]
    [InlineData("""{"id": "a", "kind": "golden", "surprise": 1, "request": {"inputs": []}, "expect": {}}""", "surprise")]
    [InlineData("\ufeff{}", "cases.jsonl:1")]
    [InlineData("\n", "cases.jsonl:1")]
    [InlineData("{\"id\": null, \"kind\": \"golden\", \"request\": {\"inputs\": []}, \"expect\": {}}", "cases.jsonl:1")]
    [InlineData("{\"id\": \" \", \"kind\": \"invalid\", \"request\": null, \"expect\": {\"error\": true}}", "The id of a case should be text")]
    [InlineData("{\"id\": \"a\", \"kind\": \"invalid\", \"request\": null, \"expect\": {\"error\": true}, \"tolerance\": {\"absolute\": 1}}", "has no tolerance")]
    [InlineData("{\"id\": \"a\", \"kind\": \"invalid\", \"request\": null, \"expect\": {\"error\": true}, \"change\": {\"inputs\": []}}", "has no change")]
    public void A_line_that_is_no_case_is_refused(string line, string what)
    {
        folder.WriteCases(line);

        Assert.Contains(what, Assert.Throws<ModelException>(() => Verdict.Of(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("1e400")]
    public void A_tolerance_is_a_finite_number(string limit)
    {
        folder.WriteCases(ModelFolder.Golden.Replace(
            "\"id\": \"golden-2\",", $"\"id\": \"golden-2\", \"tolerance\": {{\"absolute\": {limit}}},", StringComparison.Ordinal));

        var error = Assert.Throws<ModelException>(() => Verdict.Of(folder.Path));

        Assert.Contains("cases.jsonl:2: A tolerance", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_are_refused_at_their_line_and_Windows_line_ends_are_fine()
    {
        folder.WriteCases(ModelFolder.Golden.TrimEnd().Replace("\n", "\r\n", StringComparison.Ordinal));
        Assert.True(Verdict.Of(folder.Path).Passed);

        var bytes = File.ReadAllBytes(folder.In("cases.jsonl"));
        bytes[bytes.AsSpan().LastIndexOf("older"u8)] = 0xff;
        File.WriteAllBytes(folder.In("cases.jsonl"), bytes);

        Assert.Contains("cases.jsonl:4", Assert.Throws<ModelException>(() => CaseFile.Read(folder.In("cases.jsonl")).ToList()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_contract_that_names_a_column_twice_is_refused()
    {
        folder.Replace("contract.json", "\"inputs\": [", "\"inputs\": [{\"name\": \"age\", \"datatype\": \"FP64\", \"shape\": [-1, 1]},");

        Assert.Contains("but contract.json says age, age, city", Assert.Throws<ModelException>(() => Verdict.Of(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_id_may_not_repeat()
    {
        folder.WriteCases(ModelFolder.Golden + ModelFolder.Golden);

        Assert.Contains("Duplicate id: golden-1", Assert.Throws<ModelException>(() => Verdict.Of(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_of_other_data_is_judged_by_the_wider_tolerance()
    {
        folder.Replace("contract.json", "people:1", "people:2");
        File.WriteAllBytes(folder.In("model.onnx"), TinyOnnx.Bytes(weight: 2.1f));

        var verdict = Verdict.Of(folder.Path);

        Assert.Equal("retrained", verdict.JudgedBy);
        Assert.True(verdict.Passed);
    }

    [Fact]
    public void A_share_of_the_golden_cases_may_differ()
    {
        folder.WriteCases(
            ModelFolder.Golden.Replace("51.0", "52.0", StringComparison.Ordinal),
            """{"absolute": 0.001, "may_differ": 0.5}""");

        var verdict = Verdict.Of(folder.Path);

        Assert.True(verdict.Passed);
        Assert.Contains("allowed: 1 of 2 golden cases differ", verdict.Results[0].What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(0.5, false)]
    public void A_model_that_is_too_slow_does_not_pass(double budget, bool passes)
    {
        folder.Replace("suite.json", "\"schema\": 1,", FormattableString.Invariant($"\"schema\": 1, \"latency\": {{\"p95_ms\": {budget}}},"));

        var verdict = Verdict.Of(folder.Path).With(new Latency(0.4, 1.25, 3));

        Assert.Equal(passes, verdict.Passed);
        Assert.Equal(passes ? "" : "One row takes 1.25 ms (95th percentile), and suite.yml allows 0.5 ms.", verdict.Reason);
    }

    [Theory]
    [InlineData("0.1", true)]
    [InlineData("0", false)]
    public void The_thresholds_of_a_retrained_model_may_move(string mayDiffer, bool passes)
    {
        folder.WriteCases(
            ModelFolder.Golden
                .Replace("51.0", "52.0", StringComparison.Ordinal)
                .Replace("\"id\": \"golden-1\", \"kind\": \"golden\"", "\"id\": \"boundary-1\", \"kind\": \"boundary\"", StringComparison.Ordinal),
            $"{{\"absolute\": 0.001, \"may_differ\": {mayDiffer}}}");

        Assert.Equal(passes, Verdict.Of(folder.Path).Passed);
    }

    [Fact]
    public void A_share_that_may_differ_is_of_a_model_that_agrees_with_itself()
    {
        folder.WriteCases(ModelFolder.Golden, """{"absolute": 0.001, "may_differ": 1}""");
        File.WriteAllBytes(folder.In("model.onnx"), TinyOnnx.Bytes(weight: 2.1f, swapsRows: true));

        var verdict = Verdict.Of(folder.Path);

        Assert.False(verdict.Passed);
        Assert.Contains("In a batch, it answers otherwise", verdict.Results[0].What, StringComparison.Ordinal);
    }

    [Fact]
    public void Line_ends_do_not_change_the_digest()
    {
        var unix = CaseFile.Digest(folder.In("cases.jsonl"));
        File.WriteAllText(
            folder.In("cases.jsonl"),
            ModelFolder.Golden.ReplaceLineEndings("\r\n"),
            new UTF8Encoding(false));

        Assert.Equal(unix, CaseFile.Digest(folder.In("cases.jsonl")));
    }
}
