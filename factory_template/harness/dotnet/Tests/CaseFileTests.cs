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
