using System.Globalization;

namespace MLRoad.Inference;

/// <summary>Whether an answer is the expected one; the message names the tensor, the index, and both values.</summary>
/// <remarks>A number passes if |answer - expected| &lt;= absolute + relative * |expected|. NaN never passes.</remarks>
internal static class Comparison
{
    /// <summary>What is wrong, as a sentence; empty if the answer passes.</summary>
    public static string Difference(
        IReadOnlyList<Tensor> expected, IReadOnlyList<Tensor> answer, Tolerance tolerance)
    {
        foreach (var want in expected)
        {
            var got = answer.FirstOrDefault(tensor => tensor.Name == want.Name);
            if (got is null)
            {
                return $"The output {want.Name} is missing; the outputs are "
                    + $"{Show.Names(answer.Select(tensor => tensor.Name))}.";
            }
            if (OrtTensors.FamilyOf(got.Type) != OrtTensors.FamilyOf(want.Type))
            {
                return $"{want.Name} is {got.Type}, but {want.Type} was expected.";
            }
            if (!got.Shape.AsSpan().SequenceEqual(want.Shape))
            {
                return $"{want.Name} has the shape {Show.Shape(got.Shape)}, but {Show.Shape(want.Shape)} was expected.";
            }
            if (Values(want, got, tolerance.Of(want.Name)) is { Length: > 0 } said)
            {
                return said;
            }
        }
        return answer.FirstOrDefault(tensor => expected.All(want => want.Name != tensor.Name)) is { } more
            ? $"The output {more.Name} was not expected."
            : "";
    }

    /// <summary>What is wrong if each value of an output should increase or decrease; empty if each does.</summary>
    public static string Direction(Tensor before, Tensor after, string holds, double atLeast)
    {
        if (!IsNumber(before) || !IsNumber(after))
        {
            return $"{before.Name} is {before.Type}, which cannot {holds}.";
        }
        if (!after.Shape.AsSpan().SequenceEqual(before.Shape))
        {
            return $"{before.Name} has the shape {Show.Shape(after.Shape)} after the change, {Show.Shape(before.Shape)} before.";
        }
        for (var place = 0; place < before.Data.Length; place++)
        {
            var (first, second) = (Number(before, place), Number(after, place));
            var moved = holds == "increase" ? second - first : first - second;
            if (!(moved > 0 && moved >= atLeast))
            {
                return $"{before.Name}{Show.Index(before.Shape, place)} should {holds}"
                    + $"{(atLeast > 0 ? $" by {Show.Answer(atLeast)} or more" : "")}, but goes from "
                    + $"{Show.Answer(first)} to {Show.Answer(second)}.";
            }
        }
        return "";
    }

    private static bool IsNumber(Tensor tensor) => OrtTensors.FamilyOf(tensor.Type) is Family.Number or Family.Integer;

    private static string Values(Tensor want, Tensor got, Limit limit)
    {
        var (worst, most, wrong) = (-1, double.NegativeInfinity, 0);
        for (var place = 0; place < want.Data.Length; place++)
        {
            var distance = Distance(want, got, place, limit);
            if (distance is { } apart)
            {
                wrong++;
                if (apart > most)
                {
                    (worst, most) = (place, apart);
                }
            }
        }
        if (wrong == 0)
        {
            return "";
        }
        var apartBy = IsNumber(want)
            ? $": differs by {Show.Number(most, "G4")}, allowed is "
                + Show.Number(Allowed(limit, Number(want, worst)), "G4")
            : "";
        var others = want.Data.Length > 1
            ? $" ({wrong} of {want.Data.Length} values differ; this one the most)"
            : "";
        return $"{got.Name}{Show.Index(got.Shape, worst)} is {Show.Answer(got.Data.GetValue(worst))}, "
            + $"expected {Show.Answer(want.Data.GetValue(worst))}{apartBy}{others}.";
    }

    /// <summary>How far apart two values are; null if they are near enough.</summary>
    private static double? Distance(Tensor want, Tensor got, int place, Limit limit)
    {
        switch (OrtTensors.FamilyOf(want.Type))
        {
            case Family.Text or Family.Boolean:
                return Equals(want.Data.GetValue(place), got.Data.GetValue(place)) ? null : double.PositiveInfinity;
            case Family.Integer when limit is { Absolute: 0, Relative: 0 }:
                var apartBy = Math.Abs(Whole(want, place) - Whole(got, place)); // exact beyond 2^53 as well
                return apartBy == 0 ? null : (double)apartBy;
            default:
                var (expected, answer) = (Number(want, place), Number(got, place));
                var apart = double.IsFinite(answer) ? Math.Abs(answer - expected) : double.PositiveInfinity;
                return double.IsFinite(answer) && apart <= Allowed(limit, expected) ? null : apart;
        }
    }

    private static double Allowed(Limit limit, double expected) =>
        limit.Absolute + (limit.Relative * Math.Abs(expected));

    private static decimal Whole(Tensor tensor, int place) =>
        Convert.ToDecimal(tensor.Data.GetValue(place), CultureInfo.InvariantCulture);

    private static double Number(Tensor tensor, int place) => tensor.Data switch
    {
        double[] values => values[place],
        float[] values => values[place],
        _ => Convert.ToDouble(tensor.Data.GetValue(place), CultureInfo.InvariantCulture),
    };
}
