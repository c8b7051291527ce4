using System.Diagnostics;
using System.Diagnostics.Metrics;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace MLRoad.Inference.Api;

/// <summary>Metrics and traces of the inferences. They are exported only if OTEL_EXPORTER_OTLP_ENDPOINT is set.</summary>
internal sealed class Telemetry : IDisposable
{
    private const string Name = "MLRoad.Inference";
    private readonly ActivitySource traces = new(Name);
    private readonly Meter meter = new(Name);
    private readonly Counter<long> requests;
    private readonly Histogram<double> duration;

    public Telemetry(InferenceModel model)
    {
        requests = meter.CreateCounter<long>("inference.requests", "{request}", "Requests that reached the model");
        duration = meter.CreateHistogram<double>("inference.duration", "s", "The time of one inference");
        var coldStart = model.LoadTime.TotalSeconds;
        meter.CreateObservableGauge("inference.cold_start", () => coldStart, "s", "The time to load the model");
    }

    public static bool IsWanted(IConfiguration configuration) =>
        !string.IsNullOrEmpty(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);

    public static void Add(IServiceCollection services, Contract contract) => services
        .AddOpenTelemetry()
        .ConfigureResource(resource => resource.AddService("inference-api").AddAttributes(
        [
            new("model.name", contract.Model),
            new("model.version", contract.Version),
            new("dataset.version", contract.Dataset),
        ]))
        .WithTracing(tracing => tracing.AddSource(Name).AddAspNetCoreInstrumentation().AddOtlpExporter())
        .WithMetrics(metrics => metrics
            .AddMeter(Name)
            .AddAspNetCoreInstrumentation()
            .AddRuntimeInstrumentation()
            .AddOtlpExporter());

    public IReadOnlyList<Tensor> Measure(InferenceModel model, IReadOnlyList<Tensor> inputs)
    {
        using var activity = traces.StartActivity("infer");
        var began = Stopwatch.GetTimestamp();
        var result = "failed";
        try
        {
            var answer = model.Infer(inputs);
            result = "answered";
            return answer;
        }
        catch (RefusedException error)
        {
            result = "refused";
            activity?.SetStatus(ActivityStatusCode.Error, error.Message);
            throw;
        }
        finally
        {
            requests.Add(1, new KeyValuePair<string, object?>("result", result));
            duration.Record(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
    }

    public void Dispose()
    {
        traces.Dispose();
        meter.Dispose();
    }
}
