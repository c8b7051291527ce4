using System.CommandLine;
using MLRoad.Inference;
using MLRoad.Inference.Cli;

var folder = new Argument<DirectoryInfo>("folder")
{
    Description = "A folder that `mlroad export` wrote: model.onnx, contract.json, suite.json and cases.jsonl.",
};
var concurrency = new Option<int>("--concurrency")
{
    Description = "How many requests are asked at the same time.",
    DefaultValueFactory = _ => 1,
};
concurrency.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is < 1 or > 1024)
    {
        result.AddError("--concurrency is from 1 to 1024.");
    }
});
var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
var verdictFile = new Option<FileInfo?>("--verdict") { Description = "Also write the verdict to this file." };
var seconds = new Option<double>("--seconds")
{
    Description = "How long to measure.",
    DefaultValueFactory = _ => 5,
};
seconds.Validators.Add(result =>
{
    if (result.GetValueOrDefault<double>() is not (> 0 and <= 3600))
    {
        result.AddError("--seconds is more than 0, and at most 3600.");
    }
});

var test = new Command(
    "test", "Run the inference tests. Exit codes: 0 all passed, 1 a case failed, 2 there is nothing to test.")
{
    folder, concurrency, verdictFile, json,
};
test.SetAction(parsed => TestCommand.Run(
    parsed.GetRequiredValue(folder).FullName,
    parsed.GetValue(concurrency),
    parsed.GetValue(verdictFile)?.FullName,
    parsed.GetValue(json)));

var answersFile = new Option<FileInfo>("--out")
{
    Description = "The file for the answers, such as case_answers.jsonl.",
    Required = true,
};
var answer = new Command(
    "answer", "Write the answers to all cases, for `mlroad test` to judge, and print the figures as JSON.")
{
    folder, answersFile, concurrency,
};
answer.SetAction(parsed => AnswerCommand.Run(
    parsed.GetRequiredValue(folder).FullName,
    parsed.GetRequiredValue(answersFile).FullName,
    parsed.GetValue(concurrency)));

var bench = new Command(
    "bench", "Measure cold start, latency, throughput and memory, with the requests of the golden cases.")
{
    folder, concurrency, seconds, json,
};
bench.SetAction(parsed => BenchCommand.Run(
    parsed.GetRequiredValue(folder).FullName,
    parsed.GetValue(concurrency),
    TimeSpan.FromSeconds(parsed.GetValue(seconds)),
    parsed.GetValue(json)));

var root = new RootCommand(
    """
    Runs a model's inference tests as a .NET application would run the model.

      inference-harness test   out/diabetes
      inference-harness answer out/diabetes --out case_answers.jsonl
      inference-harness bench  out/diabetes --concurrency 8
    """)
{
    test, answer, bench,
};

try
{
    var parsed = root.Parse(args);
    var code = parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    return parsed.Errors.Count > 0 ? 2 : code;
}
catch (Exception error) when (error is ModelException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}
