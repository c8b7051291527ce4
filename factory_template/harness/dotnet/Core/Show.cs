using System.Globalization;

namespace MLRoad.Inference;

/// <summary>Values as messages show them.</summary>
internal static class Show
{
    private const int Most = 60;

    public static string Shape(long[] shape) => $"[{string.Join(", ", shape)}]";

    public static string Value(object? value) => value switch
    {
        double number => number.ToString("G6", CultureInfo.InvariantCulture),
        float number => number.ToString("G6", CultureInfo.InvariantCulture),
        bool truth => truth ? "true" : "false",
        string text when text.Length > Most => $"\"{text[..(Most - 1)]}…\"",
        string text => $"\"{text}\"",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "null",
    };

    /// <summary>A value of an answer, as a verdict of any runtime shows it.</summary>
    public static string Answer(object? value) => value switch
    {
        double number => Number(number, "G6"),
        float number => Number(number, "G6"),
        string text when text.Length > Most => $"{text[..(Most - 3)]}…",
        string text => text,
        _ => Value(value),
    };

    /// <summary>A number as Python writes it: 1e-07, nan.</summary>
    public static string Number(double value, string format) => value switch
    {
        double.NaN => "nan",
        double.PositiveInfinity => "inf",
        double.NegativeInfinity => "-inf",
        _ => value.ToString(format, CultureInfo.InvariantCulture).ToLowerInvariant(),
    };

    /// <summary>The place of a value: <c>[2]</c>, or <c>[2, 0]</c>.</summary>
    public static string Index(long[] shape, int position)
    {
        var index = new long[shape.Length];
        long rest = position;
        for (var dimension = shape.Length - 1; dimension >= 0; dimension--)
        {
            (rest, index[dimension]) = Math.DivRem(rest, shape[dimension]);
        }
        return Shape(index);
    }

    public static string Names(IEnumerable<string> names) => string.Join(", ", names);
}
