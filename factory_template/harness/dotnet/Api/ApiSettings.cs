namespace MLRoad.Inference.Api;

/// <summary>The settings of the API: from the command line, or from the environment as INFERENCE_….</summary>
/// <param name="Folder">The folder that <c>mlroad export</c> wrote: <c>--model</c>, INFERENCE_MODEL.</param>
/// <param name="MaxBytes">The largest body of a request: <c>--max-bytes</c>, INFERENCE_MAX_BYTES.</param>
/// <param name="MaxRows">The most rows of a request: <c>--max-rows</c>, INFERENCE_MAX_ROWS.</param>
internal sealed record ApiSettings(string Folder, long MaxBytes, long MaxRows)
{
    private const long DefaultBytes = 4 * 1024 * 1024;
    private const long DefaultRows = 10_000;

    /// <summary>The settings, or null if no model is named.</summary>
    public static ApiSettings? Read(IConfiguration configuration)
    {
        var folder = configuration["model"] ?? configuration["INFERENCE_MODEL"];
        return string.IsNullOrEmpty(folder)
            ? null
            : new ApiSettings(
                folder,
                configuration.GetValue<long?>("max-bytes") ?? configuration.GetValue("INFERENCE_MAX_BYTES", DefaultBytes),
                configuration.GetValue<long?>("max-rows") ?? configuration.GetValue("INFERENCE_MAX_ROWS", DefaultRows));
    }
}
