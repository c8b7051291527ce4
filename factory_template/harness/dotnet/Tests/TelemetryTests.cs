using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace MLRoad.Inference.Tests;

/// <summary>Metrics and traces reach a collector if one is named, and nothing is collected otherwise.</summary>
public sealed class TelemetryTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task They_are_off_unless_an_endpoint_is_named()
    {
        await using var application = Application();
        await Ask(application);

        Assert.Null(application.Services.GetService<MeterProvider>());
        Assert.Null(application.Services.GetService<TracerProvider>());
    }

    [Fact]
    public async Task They_name_the_model_and_its_data()
    {
        var received = new ConcurrentQueue<string>();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var collector = builder.Build();
        collector.MapPost("/v1/{kind}", async (HttpRequest request) =>
        {
            using var reader = new StreamReader(request.Body, Encoding.Latin1);
            received.Enqueue(await reader.ReadToEndAsync());
        });
        await collector.StartAsync(TestContext.Current.CancellationToken);
        await using (var application = Application(collector.Urls.Single()))
        {
            await Ask(application);
            application.Services.GetRequiredService<TracerProvider>().ForceFlush();
            application.Services.GetRequiredService<MeterProvider>().ForceFlush();
        }

        var all = string.Join('\n', received);
        Assert.All(
            ["inference.requests", "inference.duration", "inference.cold_start", "model.name", "tiny", "model.version",
                "dataset.version", "people:1", "infer"],
            word => Assert.Contains(word, all, StringComparison.Ordinal));
    }

    private WebApplicationFactory<Program> Application(string? endpoint = null) =>
        new WebApplicationFactory<Program>().WithWebHostBuilder(host =>
        {
            host.UseSetting("model", folder.Path);
            if (endpoint is not null)
            {
                host.UseSetting("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
                host.UseSetting("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
            }
        });

    private static async Task Ask(WebApplicationFactory<Program> application)
    {
        using var client = application.CreateClient();
        using var content = new StringContent(ApiTests.Good, Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(
            new Uri("/v2/models/tiny/infer", UriKind.Relative), content, TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();
    }
}
