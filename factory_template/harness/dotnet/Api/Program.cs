using MLRoad.Inference;
using MLRoad.Inference.Api;

var builder = WebApplication.CreateSlimBuilder(args);
var settings = ApiSettings.Read(builder.Configuration);
if (settings is null)
{
    Console.Error.WriteLine(
        "Which model? Name the folder that `mlroad export` wrote: `dotnet run --project Api -- --model out/diabetes`.");
    return 2;
}

InferenceModel model;
try
{
    model = InferenceModel.Load(settings.Folder);
}
catch (ModelException error)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}

builder.Logging
    .AddFilter(null, LogLevel.Warning)
    .AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Information)
    // A logger here would begin an activity and a scope with each request; Protocol logs the failures.
    .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
using var telemetry = new Telemetry(model);
builder.WebHost.ConfigureKestrel(options =>
{
    options.AddServerHeader = false;
    options.Limits.MaxRequestBodySize = settings.MaxBytes;
});
builder.Services.AddSingleton(model);
builder.Services.AddSingleton(telemetry);
builder.Services.AddSingleton(settings);
if (Telemetry.IsWanted(builder.Configuration))
{
    Telemetry.Add(builder.Services, model.Contract);
}

var app = builder.Build();
app.UseProtocolErrors();
app.MapProtocol();
app.Run();
return 0;

/// <summary>The application, for tests in process.</summary>
public sealed partial class Program;
