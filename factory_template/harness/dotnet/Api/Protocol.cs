using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MLRoad.Inference.Api;

/// <summary>The endpoints of the Open Inference Protocol V2.</summary>
/// <remarks>Source: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md</remarks>
internal static class Protocol
{
    private static readonly JsonEncodedText ModelName = JsonEncodedText.Encode("model_name");
    private static readonly JsonEncodedText ModelVersion = JsonEncodedText.Encode("model_version");
    private static readonly JsonEncodedText Outputs = JsonEncodedText.Encode("outputs");
    private static readonly TensorConverter Tensors = new();

    [ThreadStatic]
    private static Utf8JsonWriter? writer;

    public static void MapProtocol(this IEndpointRouteBuilder app)
    {
        var services = app.ServiceProvider;
        var model = services.GetRequiredService<InferenceModel>();
        var contract = model.Contract;
        var infer = Infer(model, services.GetRequiredService<ApiSettings>(), services.GetRequiredService<Telemetry>());
        app.MapGet("/v2", () => Json(new ServerMetadata("mlroad-inference-api", "1", []), ApiJson.Default.ServerMetadata));
        app.MapGet("/v2/health/live", () => Json(new Live(true), ApiJson.Default.Live));
        app.MapGet("/v2/health/ready", () => Json(new Ready(true), ApiJson.Default.Ready));
        foreach (var path in new[] { $"/v2/models/{contract.Model}", $"/v2/models/{contract.Model}/versions/{contract.Version}" })
        {
            app.MapGet(path, () => Json(ModelMetadata.Of(contract), ApiJson.Default.ModelMetadata));
            app.MapGet($"{path}/ready", () => Json(new ModelReady(contract.Model, true), ApiJson.Default.ModelReady));
            app.MapPost($"{path}/infer", infer);
        }
    }

    /// <summary>Answer each fault with a status and one sentence, and never with a stack trace.</summary>
    public static void UseProtocolErrors(this IApplicationBuilder app) => app.Use(async (http, next) =>
    {
        try
        {
            await next(http);
            // Not a fallback route: each request would have to be compared with it as well.
            if (!http.Response.HasStarted && Unanswered(http) is { } what)
            {
                await http.Response.WriteAsJsonAsync(new Error(what), ApiJson.Default.Error);
            }
        }
        catch (Exception error) when (!http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested)
        {
            var (status, said) = error switch
            {
                RefusedException => (StatusCodes.Status400BadRequest, error.Message),
                JsonException wrong => (StatusCodes.Status400BadRequest, Explain(wrong)),
                BadHttpRequestException bad => (bad.StatusCode, bad.Message),
                _ => (StatusCodes.Status500InternalServerError, "The server failed. Its log says why."),
            };
            if (status == StatusCodes.Status500InternalServerError)
            {
                Log.Failed(http.RequestServices.GetRequiredService<ILogger<Error>>(), error);
            }
            http.Response.StatusCode = status;
            await http.Response.WriteAsJsonAsync(new Error(said), ApiJson.Default.Error);
        }
    });

    private static string? Unanswered(HttpContext http) => http.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => $"There is nothing at {http.Request.Path}. The model is /v2/models/"
            + $"{http.RequestServices.GetRequiredService<InferenceModel>().Contract.Model}.",
        StatusCodes.Status405MethodNotAllowed => $"{http.Request.Path} does not answer {http.Request.Method} requests.",
        _ => null,
    };

    private static RequestDelegate Infer(InferenceModel model, ApiSettings settings, Telemetry telemetry)
    {
        var (name, version) = (JsonEncodedText.Encode(model.Contract.Model), JsonEncodedText.Encode(model.Contract.Version));
        return async http =>
        {
            CheckHeaders(http.Request);
            var request = await ReadAsync(http.Request.BodyReader, settings.MaxBytes);
            foreach (var input in request.Inputs)
            {
                if (input.Rows > settings.MaxRows)
                {
                    throw new BadHttpRequestException(
                        $"{input.Name} has {input.Rows} rows; at most {settings.MaxRows} are allowed in one request.",
                        StatusCodes.Status413PayloadTooLarge);
                }
            }
            var outputs = telemetry.Measure(model, request.Inputs);
            http.Response.ContentType = "application/json";
            Write(http.Response, name, version, request.Id, outputs);
            await http.Response.BodyWriter.FlushAsync();
        };
    }

    private static void CheckHeaders(HttpRequest request)
    {
        if (request.ContentType is { } type && !type.StartsWith("application/json", StringComparison.OrdinalIgnoreCase))
        {
            throw new BadHttpRequestException(
                $"The content type is {type}, but a request is application/json.", StatusCodes.Status415UnsupportedMediaType);
        }
        if (request.Headers.ContentEncoding is { Count: > 0 } encoding && encoding != "identity")
        {
            throw new BadHttpRequestException(
                $"The content encoding {encoding} is not supported. Send the JSON as it is.",
                StatusCodes.Status415UnsupportedMediaType);
        }
    }

    /// <summary>Write an <see cref="InferenceResponse"/> into the memory of the connection, field by field.</summary>
    /// <remarks>The serializer would take twice as long. The length is known before it is sent.</remarks>
    private static void Write(
        HttpResponse response, JsonEncodedText name, JsonEncodedText version, string id, IReadOnlyList<Tensor> outputs)
    {
        writer ??= new Utf8JsonWriter(response.BodyWriter, new JsonWriterOptions { SkipValidation = true });
        writer.Reset(response.BodyWriter);
        writer.WriteStartObject();
        writer.WriteString(ModelName, name);
        writer.WriteString(ModelVersion, version);
        if (id.Length > 0)
        {
            writer.WriteString("id"u8, id);
        }
        writer.WriteStartArray(Outputs);
        foreach (var output in outputs)
        {
            Tensors.Write(writer, output, JsonSerializerOptions.Default);
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.Flush();
        response.ContentLength = writer.BytesCommitted;
        writer.Reset(Stream.Null);
    }

    /// <summary>The request in a body, which is read at once.</summary>
    private static async ValueTask<InferenceRequest> ReadAsync(PipeReader body, long maxBytes)
    {
        while (true)
        {
            var read = await body.ReadAsync();
            if (read.Buffer.Length > maxBytes)
            {
                throw new BadHttpRequestException(
                    $"The body is larger than {maxBytes} bytes.", StatusCodes.Status413PayloadTooLarge);
            }
            if (!read.IsCompleted)
            {
                body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }
            try
            {
                return Read(read.Buffer) ?? throw new RefusedException("The request should be a JSON object with inputs.");
            }
            finally
            {
                body.AdvanceTo(read.Buffer.End);
            }
        }
    }

    private static InferenceRequest? Read(ReadOnlySequence<byte> body)
    {
        var reader = new Utf8JsonReader(body);
        return JsonSerializer.Deserialize(ref reader, Documents.Default.InferenceRequest);
    }

    private static string Explain(JsonException error) =>
        error.LineNumber is { } line
            ? $"The body is not a valid request: line {line + 1}, byte {error.BytePositionInLine}."
            : "The body is not a valid request.";

    private static JsonHttpResult<T> Json<T>(
        T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, int status = StatusCodes.Status200OK) =>
        TypedResults.Json(value, type, statusCode: status);
}

internal sealed record ServerMetadata(string Name, string Version, IReadOnlyList<string> Extensions);

internal sealed record Live([property: JsonPropertyName("live")] bool IsLive);

internal sealed record Ready([property: JsonPropertyName("ready")] bool IsReady);

internal sealed record ModelReady(string Name, [property: JsonPropertyName("ready")] bool IsReady);

internal sealed record Error([property: JsonPropertyName("error")] string What);

internal sealed record TensorMetadata(string Name, string Datatype, IReadOnlyList<long> Shape);

internal sealed record ModelMetadata(
    string Name,
    IReadOnlyList<string> Versions,
    string Platform,
    IReadOnlyList<TensorMetadata> Inputs,
    IReadOnlyList<TensorMetadata> Outputs)
{
    public static ModelMetadata Of(Contract contract) => new(
        contract.Model, [contract.Version], "onnxruntime_onnx", Of(contract.Inputs), Of(contract.Outputs));

    private static List<TensorMetadata> Of(IReadOnlyList<Field> fields) =>
        [.. fields.Select(field => new TensorMetadata(field.Name, field.Datatype.ToString(), field.Shape))];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ServerMetadata))]
[JsonSerializable(typeof(Live))]
[JsonSerializable(typeof(Ready))]
[JsonSerializable(typeof(ModelReady))]
[JsonSerializable(typeof(ModelMetadata))]
[JsonSerializable(typeof(Error))]
internal sealed partial class ApiJson : JsonSerializerContext;

internal static partial class Log
{
    [LoggerMessage(LogLevel.Error, "A request failed")]
    public static partial void Failed(ILogger logger, Exception error);
}
