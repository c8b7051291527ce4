using System.Text.Json;

namespace MLRoad.Inference.Cli;

/// <summary>`answer`: the model's answers to all cases, for a judge elsewhere, and its figures.</summary>
internal static class AnswerCommand
{
    public static int Run(string folder, string file, int concurrency)
    {
        File.Delete(file); // an interrupted run leaves no answers
        var cases = Path.Combine(folder, "cases.jsonl");
        using var model = InferenceModel.Load(folder);
        var load = new Load(model, cases);
        var first = load.First();
        var part = $"{file}.part";
        using (var stream = File.Create(part))
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { SkipValidation = true }))
        {
            foreach (var (_, answers) in CaseQuestions.Ask(model, cases, concurrency))
            {
                JsonSerializer.Serialize(writer, answers, Documents.Default.CaseAnswers);
                writer.Flush();
                writer.Reset();
                stream.WriteByte((byte)'\n');
            }
        }
        File.Move(part, file, overwrite: true);
        Console.WriteLine(BenchReport.Of(model, load.Times(TimeSpan.FromSeconds(1), concurrency, atMost: 200), first).Json());
        return 0;
    }
}
