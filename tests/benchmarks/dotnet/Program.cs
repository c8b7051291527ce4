using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using MLRoad.Inference;

// loop FOLDER               microseconds of one answer: of a bare loop, and of the harness
// constant PORT             a server that reads the same body and answers a constant
// load URL FOLDER SECONDS   requests a second over 8 connections, and their times
return args switch
{
    ["loop", var folder] => Loop(folder),
    ["constant", var port] => Constant(int.Parse(port)),
    ["load", var url, var folder, var seconds] => await Load(new Uri(url), folder, double.Parse(seconds)),
    _ => 2,
};

static IReadOnlyList<Tensor> FirstRequest(string folder) =>
    CaseFile.Read(Path.Combine(folder, "cases.jsonl")).First(found => found.Kind == "golden").Inputs!;

static int Loop(string folder)
{
    const int answers = 2000;
    using var model = InferenceModel.Load(folder);
    using var session = new InferenceSession(
        Path.Combine(folder, "model.onnx"),
        new Microsoft.ML.OnnxRuntime.SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1 });
    using var options = new RunOptions();
    var request = FirstRequest(folder);
    var names = request.Select(tensor => tensor.Name).ToArray();
    string[] outputs = [.. session.OutputMetadata.Keys];

    void Bare()
    {
        // What an application would write by hand: values in, one number out.
        var values = request.Select(tensor => Create(session, tensor)).ToArray();
        using (var answer = session.Run(options, names, values, outputs))
        {
            var numbers = answer[0].GetTensorTypeAndShape().ElementDataType
                is Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Double
                ? answer[0].GetTensorDataAsSpan<double>()[0]
                : answer[0].GetTensorDataAsSpan<float>()[0];
            GC.KeepAlive(numbers);
        }
        foreach (var value in values)
        {
            value.Dispose();
        }
    }

    var ways = new Dictionary<string, Action> { ["bare"] = Bare, ["harness"] = () => model.Infer(request) };
    var took = ways.ToDictionary(way => way.Key, _ => new List<double>());
    for (var round = 0; round < 60; round++)
    {
        foreach (var (name, ask) in ways)
        {
            var began = Cpu();
            for (var number = 0; number < answers; number++)
            {
                ask();
            }
            took[name].Add((Cpu() - began).TotalMicroseconds / answers);
        }
    }
    Print(took.ToDictionary(way => way.Key, way => way.Value.Skip(20).Order().ElementAt(20)));
    return 0;
}

static OrtValue Create(InferenceSession session, Tensor tensor)
{
    if (tensor.Data is string[] texts)
    {
        var value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, tensor.Shape);
        for (var place = 0; place < texts.Length; place++)
        {
            value.StringTensorSetElementAt(texts[place].AsSpan(), place);
        }
        return value;
    }
    var numbers = new double[tensor.Data.Length];
    Array.Copy(tensor.Data, numbers, numbers.Length);
    return session.InputMetadata[tensor.Name].ElementDataType switch
    {
        Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Double => OrtValue.CreateTensorValueFromMemory(numbers, tensor.Shape),
        Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Int64 =>
            OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(numbers, value => (long)value), tensor.Shape),
        _ => OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(numbers, value => (float)value), tensor.Shape),
    };
}

static TimeSpan Cpu() => Process.GetCurrentProcess().TotalProcessorTime;

static int Constant(int port)
{
    var builder = WebApplication.CreateSlimBuilder();
    builder.Logging.ClearProviders();
    builder.WebHost.ConfigureKestrel(options => options.AddServerHeader = false);
    builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
    var app = builder.Build();
    var answer = """{"model_name":"constant","model_version":"1","outputs":[{"name":"prediction","shape":[1],"datatype":"FP64","data":[725.9749995945126]}]}"""u8.ToArray();
    app.MapPost("/v2/models/constant/infer", async http =>
    {
        var reader = http.Request.BodyReader;
        var read = await reader.ReadAsync();
        while (!read.IsCompleted)
        {
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await reader.ReadAsync();
        }
        Parse(read.Buffer);
        reader.AdvanceTo(read.Buffer.End);
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = answer.Length;
        await http.Response.BodyWriter.WriteAsync(answer);
    });
    app.Run();
    return 0;
}

static void Parse(System.Buffers.ReadOnlySequence<byte> body)
{
    var reader = new Utf8JsonReader(body);
    JsonSerializer.Deserialize(ref reader, Documents.Default.InferenceRequest);
}

static async Task<int> Load(Uri url, string folder, double seconds)
{
    var body = JsonSerializer.SerializeToUtf8Bytes(
        new InferenceRequest { Inputs = FirstRequest(folder) }, Documents.Default.InferenceRequest);
    var head = $"POST {url.AbsolutePath} HTTP/1.1\r\nHost: {url.Authority}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n";
    byte[] request = [.. Encoding.ASCII.GetBytes(head), .. body];
    var began = Stopwatch.GetTimestamp();
    var tasks = Enumerable.Range(0, 8).Select(_ => Task.Run(() => Ask(url, request, began, seconds)));
    var took = (await Task.WhenAll(tasks)).SelectMany(some => some).Order().ToList();
    double At(double share) => took[(int)(share * (took.Count - 1))];
    Print(new() { ["a_second"] = took.Count / seconds, ["p50_ms"] = At(0.5), ["p95_ms"] = At(0.95), ["p99_ms"] = At(0.99) });
    return 0;
}

static async Task<List<double>> Ask(Uri url, byte[] request, long began, double seconds)
{
    using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    await socket.ConnectAsync(IPAddress.Loopback, url.Port);
    var took = new List<double>();
    var buffer = new byte[1 << 16];
    while (Stopwatch.GetElapsedTime(began).TotalSeconds is var now && now < seconds + 1)
    {
        var start = Stopwatch.GetTimestamp();
        await socket.SendAsync(request);
        var length = 0;
        while (!IsWhole(buffer.AsSpan(0, length)))
        {
            var more = await socket.ReceiveAsync(buffer.AsMemory(length));
            length += more > 0 ? more : throw new IOException("The server closed the connection.");
        }
        if (!buffer.AsSpan(0, length).StartsWith("HTTP/1.1 200"u8))
        {
            throw new IOException(Encoding.UTF8.GetString(buffer, 0, length));
        }
        if (now > 1) // the first second is for the compiler
        {
            took.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
    }
    return took;
}

static bool IsWhole(ReadOnlySpan<byte> answer)
{
    var head = answer.IndexOf("\r\n\r\n"u8);
    if (head < 0)
    {
        return false;
    }
    var text = Encoding.ASCII.GetString(answer[..head]);
    var at = text.IndexOf("Content-Length: ", StringComparison.OrdinalIgnoreCase);
    return at < 0
        ? answer.EndsWith("0\r\n\r\n"u8)
        : answer.Length - head - 4 >= int.Parse(text[(at + 16)..].Split('\r')[0]);
}

static void Print(Dictionary<string, double> figures) => Console.WriteLine(JsonSerializer.Serialize(figures));
