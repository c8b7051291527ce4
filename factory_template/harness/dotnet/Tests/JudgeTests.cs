using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace MLRoad.Inference.Tests;

/// <summary>The judge gives the results that <c>mlroad test</c> gives, which wrote judged_cases.jsonl.</summary>
public sealed class JudgeTests
{
    [Fact]
    public void It_agrees_with_the_judge_in_Python()
    {
        var file = Path.GetTempFileName();
        try
        {
            foreach (var line in File.ReadLines(Path.Combine(Folder(), "judged_cases.jsonl")))
            {
                using var suite = JsonDocument.Parse(line);
                JsonElement[] judged = [.. suite.RootElement.GetProperty("cases").EnumerateArray()];
                File.WriteAllLines(file, judged.Select(one => one.GetProperty("case").GetRawText()), new UTF8Encoding(false));
                var answers = judged.Select(one => one.GetProperty("answers").Deserialize(Documents.Default.CaseAnswers)!);
                var tolerance = suite.RootElement.GetProperty("tolerance").Deserialize(Documents.Default.Tolerance)!;

                var results = SuiteRun.Judge(CaseFile.Read(file).Zip(answers), tolerance);

                Assert.Equal(
                    judged.Select(one => (
                        one.GetProperty("case").GetProperty("id").GetString()!,
                        one.GetProperty("passed").GetBoolean(),
                        one.GetProperty("code").GetString()!,
                        one.GetProperty("what").GetString()!)),
                    results.Select(result => (result.Id, result.Passed, result.Code, result.What)));
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Folder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
