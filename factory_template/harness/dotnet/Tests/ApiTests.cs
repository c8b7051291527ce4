using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;

namespace MLRoad.Inference.Tests;

/// <summary>The API in process: answers, and clear refusals without a stack trace.</summary>
public sealed class ApiTests : IDisposable
{
    internal const string Good = """
        {"id": "7", "inputs": [{"name": "age", "shape": [1, 1], "datatype": "FP64", "data": [20.0]},
                               {"name": "city", "shape": [1, 1], "datatype": "BYTES", "data": ["Ulm"]}]}
        """;

    private readonly ModelFolder folder = new();
    private readonly WebApplicationFactory<Program> application;
    private readonly HttpClient client;

    public ApiTests()
    {
        application = new WebApplicationFactory<Program>().WithWebHostBuilder(host =>
        {
            host.UseSetting("model", folder.Path);
            host.UseSetting("max-rows", "100");
            host.UseSetting("max-bytes", "2000");
        });
        client = application.CreateClient();
    }

    public void Dispose()
    {
        client.Dispose();
        application.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("/v2/models/tiny/infer")]
    [InlineData("/v2/models/tiny/versions/3/infer")]
    public async Task A_request_is_answered(string address)
    {
        var (status, body) = await Post(Good, address);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("7", body.GetProperty("id").GetString());
        Assert.Equal("tiny", body.GetProperty("model_name").GetString());
        Assert.Equal("3", body.GetProperty("model_version").GetString());
        Assert.Equal(51, body.GetProperty("outputs")[0].GetProperty("data")[0].GetDouble());
    }

    [Theory]
    [InlineData("/v2", "name", "mlroad-inference-api")]
    [InlineData("/v2/health/live", "live", "True")]
    [InlineData("/v2/health/ready", "ready", "True")]
    [InlineData("/v2/models/tiny", "platform", "onnxruntime_onnx")]
    [InlineData("/v2/models/tiny/ready", "ready", "True")]
    public async Task The_server_describes_itself(string address, string key, string value) =>
        Assert.Equal(value, (await Get(address)).Body.GetProperty(key).ToString());

    [Theory]
    [InlineData("", "not a valid request")]
    [InlineData("null", "JSON object")]
    [InlineData("[]", "not a valid request")]
    [InlineData("{", "not a valid request")]
    [InlineData("{\"inputs\": []}", "no rows")]
    [InlineData("{\"inputs\": [{\"name\": \"age\"}]}", "needs name, shape, datatype and data")]
    [InlineData("{\"inputs\": [{\"name\": \"town\", \"shape\": [1], \"datatype\": \"FP64\", \"data\": [1]}]}", "There is no input town")]
    [InlineData("{\"inputs\": null}", "not a valid request")]
    [InlineData("{\"inputs\": [null]}", "should be a JSON object")]
    [InlineData("{\"inputs\": [], \"inputs\": []}", "not a valid request")]
    [InlineData("{\"id\": \"\\ud800\", \"inputs\": []}", "not a valid request")]
    [InlineData("{\"inputs\": [{\"name\": \"age\", \"name\": \"age\"}]}", "the key name twice")]
    [InlineData("{\"inputs\": [{\"name\": \"age\", \"shape\": [2147483647, 2147483647, 2147483647], \"datatype\": \"FP64\", \"data\": []}]}", "too large")]
    [InlineData("{\"inputs\": [{\"name\": \"age\", \"shape\": [1], \"datatype\": \"BOOL, INT8\", \"data\": [1]}]}", "is not known")]
    [InlineData("{\"inputs\": [{\"name\": \"age\", \"shape\": [1], \"datatype\": \"-0\", \"data\": [true]}]}", "is not known")]
    public async Task A_bad_request_is_a_400_with_one_sentence(string request, string what)
    {
        var (status, body) = await Post(request);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(what, body.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain(" at ", body.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text/plain", "", HttpStatusCode.UnsupportedMediaType, "The content type is text/plain")]
    [InlineData("application/json", "gzip", HttpStatusCode.UnsupportedMediaType, "The content encoding gzip")]
    [InlineData("application/json", "", HttpStatusCode.BadRequest, "not a valid request")]
    public async Task Another_encoding_is_a_4xx(string type, string encoding, HttpStatusCode expected, string what)
    {
        using var content = new ByteArrayContent([0x1f, 0x8b, 0xff, 0xfe]);
        content.Headers.ContentType = new(type);
        if (encoding.Length > 0)
        {
            content.Headers.ContentEncoding.Add(encoding);
        }
        using var response = await client.PostAsync(
            new Uri("/v2/models/tiny/infer", UriKind.Relative), content, TestContext.Current.CancellationToken);
        var (status, body) = await Read(response);

        Assert.Equal(expected, status);
        Assert.Contains(what, body.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_rows_are_a_413()
    {
        var rows = string.Join(',', Enumerable.Repeat("1", 101));

        var (status, body) = await Post(
            $$"""{"inputs": [{"name": "age", "shape": [101], "datatype": "FP64", "data": [{{rows}}]}]}""");

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.Contains("at most 100", body.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_a_413()
    {
        var (status, body) = await Post(Good + new string(' ', 2000));

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
        Assert.Contains("larger than 2000 bytes", body.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_address_is_a_404_that_names_the_model()
    {
        var (status, body) = await Get("/v2/models/other");

        Assert.Equal(HttpStatusCode.NotFound, status);
        Assert.Contains("/v2/models/tiny", body.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_method_is_a_405_that_says_so()
    {
        var (status, body) = await Get("/v2/models/tiny/infer");

        Assert.Equal(HttpStatusCode.MethodNotAllowed, status);
        Assert.Contains("does not answer GET requests", body.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> Get(string address)
    {
        using var response = await client.GetAsync(new Uri(address, UriKind.Relative), TestContext.Current.CancellationToken);
        return await Read(response);
    }

    private async Task<(HttpStatusCode Status, JsonElement Body)> Post(string body, string address = "/v2/models/tiny/infer")
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(
            new Uri(address, UriKind.Relative), content, TestContext.Current.CancellationToken);
        return await Read(response);
    }

    private static async Task<(HttpStatusCode Status, JsonElement Body)> Read(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return (response.StatusCode, JsonSerializer.Deserialize<JsonElement>(text));
    }
}
