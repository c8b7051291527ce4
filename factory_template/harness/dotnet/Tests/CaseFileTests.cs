using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace MLRoad.Inference.Tests;

/// <summary>Odd lines of cases.jsonl are cases, or are refused, as <c>mlroad test</c> does it.</summary>
public sealed class CaseFileTests
{
    [Fact]
    public void It_reads_and_refuses_the_lines_that_Python_does()
    {
        var file = Path.GetTempFileName();
        try
        {
            var wrong = new List<string>();
            foreach (var line in File.ReadLines(Path.Combine(Folder(), "odd_lines.jsonl")))
            {
                using var odd = JsonDocument.Parse(line);
                var text = odd.RootElement.GetProperty("line").GetString();
                File.WriteAllText(file, $"{text}\n", new UTF8Encoding(false));
                if (IsCase(file) != odd.RootElement.GetProperty("is_case").GetBoolean())
                {
                    wrong.Add(text![..Math.Min(text!.Length, 400)]);
                }
            }
            Assert.Equal("", string.Join('\n', wrong));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void It_reads_and_refuses_the_limits_that_Python_does()
    {
        using var folder = new ModelFolder();
        var before = File.ReadAllText(folder.In("suite.json"));
        var wrong = new List<string>();
        foreach (var line in File.ReadLines(Path.Combine(Folder(), "odd_tolerances.jsonl")))
        {
            using var odd = JsonDocument.Parse(line);
            var text = odd.RootElement.GetProperty("tolerance").GetString();
            File.WriteAllText(folder.In("suite.json"), before.Replace("{\"absolute\": 5, \"may_differ\": 0.5}", text, StringComparison.Ordinal));
            if (IsSuite(folder.In("suite.json")) != odd.RootElement.GetProperty("is_valid").GetBoolean())
            {
                wrong.Add(text!);
            }
        }
        Assert.Equal("", string.Join('\n', wrong));
    }

    [Fact]
    public void A_suite_may_begin_with_a_byte_order_mark()
    {
        using var folder = new ModelFolder();
        var text = File.ReadAllText(folder.In("suite.json"));
        File.WriteAllText(folder.In("suite.json"), text, new UTF8Encoding(true));
        Assert.True(IsSuite(folder.In("suite.json")));
    }

    private static bool IsSuite(string file)
    {
        try
        {
            return Suite.Read(file).Schema == 1;
        }
        catch (ModelException error)
        {
            Assert.StartsWith(file, error.Message, StringComparison.Ordinal);
            return false;
        }
    }

    private static bool IsCase(string file)
    {
        try
        {
            return CaseFile.Read(file).Count() == 1;
        }
        catch (ModelException error)
        {
            Assert.StartsWith($"{file}:1: ", error.Message, StringComparison.Ordinal);
            return false;
        }
    }

    private static string Folder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
