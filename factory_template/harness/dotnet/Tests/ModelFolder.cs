using System.Globalization;
using System.Text;

namespace MLRoad.Inference.Tests;

/// <summary>A folder as `mlroad export` writes it, with the tiny model; tests change it.</summary>
internal sealed class ModelFolder : IDisposable
{
    public const string Golden = """
        {"id": "golden-1", "kind": "golden", "request": {"inputs": [{"name": "age", "shape": [1, 1], "datatype": "FP64", "data": [20.0]}, {"name": "city", "shape": [1, 1], "datatype": "BYTES", "data": ["Ulm"]}]}, "expect": {"outputs": [{"name": "prediction", "shape": [1], "datatype": "FP64", "data": [51.0]}]}}
        {"id": "golden-2", "kind": "golden", "request": {"inputs": [{"name": "age", "shape": [1, 1], "datatype": "FP64", "data": [30.5]}, {"name": "city", "shape": [1, 1], "datatype": "BYTES", "data": ["Bonn"]}]}, "expect": {"outputs": [{"name": "prediction", "shape": [1], "datatype": "FP64", "data": [62.0]}]}}
        {"id": "invalid-1", "kind": "invalid", "request": {"inputs": [{"name": "age", "shape": [1, 1], "datatype": "BYTES", "data": ["many"]}, {"name": "city", "shape": [1, 1], "datatype": "BYTES", "data": ["Ulm"]}]}, "expect": {"error": true}}
        {"id": "older", "kind": "directional", "request": {"inputs": [{"name": "age", "shape": [1, 1], "datatype": "FP64", "data": [20.0]}, {"name": "city", "shape": [1, 1], "datatype": "BYTES", "data": ["Ulm"]}]}, "change": {"inputs": [{"name": "age", "shape": [1, 1], "datatype": "FP64", "data": [25.0]}]}, "expect": {"holds": "increase", "output": "prediction", "at_least": 9}}
        {"id": "other-town", "kind": "invariance", "request": {"inputs": [{"name": "age", "shape": [1, 1], "datatype": "FP64", "data": [20.0]}, {"name": "city", "shape": [1, 1], "datatype": "BYTES", "data": ["Bonn"]}]}, "change": {"inputs": [{"name": "city", "shape": [1, 1], "datatype": "BYTES", "data": ["Kiel"]}]}, "expect": {"holds": "same"}}

        """;

    public ModelFolder(byte[]? onnx = null, string cases = Golden)
    {
        File.WriteAllBytes(In("model.onnx"), onnx ?? TinyOnnx.Bytes());
        File.WriteAllText(In("contract.json"), """
            {"schema": 1, "model": "tiny", "version": "3", "model_digest": "sha256:aa", "onnx_digest": "sha256:bb",
             "dataset": "people:1", "dataset_digest": "sha256:cc",
             "inputs": [{"name": "age", "datatype": "FP64", "shape": [-1, 1], "unit": "years", "minimum": 0, "maximum": 99},
                        {"name": "city", "datatype": "BYTES", "shape": [-1, 1], "allowed": ["Bonn", "Ulm"]}],
             "outputs": [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]}
            """);
        WriteCases(cases);
    }

    public string Path { get; } = Directory.CreateTempSubdirectory("tiny-model-").FullName;

    public string In(string name) => System.IO.Path.Combine(Path, name);

    public void WriteCases(string cases, string tolerance = """{"absolute": 0.001}""")
    {
        File.WriteAllText(In("cases.jsonl"), cases, new UTF8Encoding(false));
        File.WriteAllText(In("suite.json"), string.Format(CultureInfo.InvariantCulture, """
            {{"schema": 1, "model": "tiny", "dataset": "people:1", "digest": "sha256:cc", "cases_digest": "{0}",
             "suite_digest": "sha256:dd", "tolerance": {1}, "retrained": {{"absolute": 5, "may_differ": 0.5}}}}
            """, CaseFile.Digest(In("cases.jsonl")), tolerance));
    }

    public void Replace(string file, string old, string by)
    {
        var text = File.ReadAllText(In(file));
        Assert.Contains(old, text, StringComparison.Ordinal);
        File.WriteAllText(In(file), text.Replace(old, by, StringComparison.Ordinal));
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
