using CsCheck;
using MLRoad.Inference.Tests.Generated;

namespace MLRoad.Inference.Tests;

/// <summary>
/// Code that `mlroad codegen csharp` wrote: for the tiny model, and for a contract with every datatype and odd names.
/// </summary>
public sealed class TypedModelTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_row_is_answered()
    {
        using var model = TinyModel.Load(folder.Path);

        Assert.Equal(51, model.Predict(new TinyRequest { Age = 20, City = "Ulm" }).Prediction);
        Assert.Equal(
            [51.0, 61.0],
            model.Predict([new() { Age = 20, City = "Ulm" }, new() { Age = 30, City = "Bonn" }]).Select(one => one.Prediction));
        Assert.Equal(51, model.Predict(TinyRequest.Example).Prediction);
    }

    [Fact]
    public void The_requests_of_the_cases_survive_the_records()
    {
        foreach (var found in CaseFile.Read(folder.In("cases.jsonl")).Where(found => found.Kind != "invalid"))
        {
            AssertSame(found.Inputs!, TinyRequest.ToTensors(TinyRequest.FromTensors(found.Inputs!)));
        }
    }

    [Theory]
    [InlineData(double.NaN, "Ulm", "age is missing.")]
    [InlineData(20, null, "city is missing.")]
    public void A_row_with_a_problem_is_refused_before_the_model_sees_it(double age, string? city, string what)
    {
        using var model = TinyModel.Load(folder.Path);
        var row = new TinyRequest { Age = age, City = city! };

        Assert.Equal([what], row.Problems());
        Assert.Equal(what, Assert.Throws<RefusedException>(() => model.Predict(row)).Message);
        Assert.Equal($"Row 1: {what}", Assert.Throws<RefusedException>(() => model.Predict([TinyRequest.Example, row])).Message);
    }

    [Theory]
    [InlineData(0, "Ulm", 0)]
    [InlineData(99, "Ulm", 0)]
    [InlineData(99.5, "Ulm", 1)]
    [InlineData(-1, "Rome", 2)]
    public void A_value_outside_the_training_data_is_unusual_but_answered(double age, string city, int count)
    {
        using var model = TinyModel.Load(folder.Path);
        var row = new TinyRequest { Age = age, City = city };

        Assert.Equal(count, row.Unusual().Count);
        Assert.Empty(row.Problems());
        Assert.Equal((age * 2) + (city == "Ulm" ? 11 : 1), model.Predict(row).Prediction);
    }

    [Fact]
    public void A_model_with_other_columns_is_refused()
    {
        folder.Replace("contract.json", "\"BYTES\",", "\"BYTES\", \"required\": false,");

        var error = Assert.Throws<ModelException>(() => TinyModel.Load(folder.Path));

        Assert.Contains("Run `mlroad codegen csharp` again", error.Message, StringComparison.Ordinal);
        Assert.Contains("city: BYTES[-1, 1]?", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_rows_survive_the_way_through_tensors() => Rows.Array[1, 5].Sample(rows =>
    {
        var tensors = OddModelsRequest.ToTensors(rows);
        AssertSame(tensors, OddModelsRequest.ToTensors(OddModelsRequest.FromTensors(tensors)));
    });

    [Fact]
    public void A_value_that_may_be_missing_is_null()
    {
        var row = Assert.Single(OddModelsRequest.FromTensors(
            [.. OddModelsRequest.ToTensors([OddModelsRequest.Example with { Größe = null }])
                .Where(tensor => tensor.Name != "note")]));

        Assert.Null(row.Größe);
        Assert.Null(row.Note);
        Assert.Empty(row.Problems());
    }

    [Fact]
    public void Values_in_a_wrong_count_are_a_problem() =>
        Assert.Equal(
            ["vector has 2 values; the model reads 3."],
            (OddModelsRequest.Example with { Vector = [1, 2] }).Problems());

    private static Gen<OddModelsRequest> Rows { get; } =
        from numbers in Gen.Select(Gen.Double, Gen.Double, Gen.Float.Array[3])
        from whole in Gen.Select(Gen.SByte, Gen.UInt, Gen.ULong, Gen.Long)
        from texts in Gen.Select(Gen.String, Gen.Bool, Gen.String.Array[2])
        select OddModelsRequest.Example with
        {
            AB = (float)numbers.Item1,
            Größe = numbers.Item2,
            Vector = numbers.Item3,
            Small = whole.Item1,
            _1stPlace = whole.Item2,
            Large = whole.Item3,
            AB2 = whole.Item4,
            Note = texts.Item1,
            Class = texts.Item2,
            Pair = texts.Item3,
        };

    private static void AssertSame(IReadOnlyList<Tensor> expected, IReadOnlyList<Tensor> found)
    {
        Assert.Equal(
            expected.Select(tensor => (tensor.Name, tensor.Type, string.Join(",", tensor.Shape))),
            found.Select(tensor => (tensor.Name, tensor.Type, string.Join(",", tensor.Shape))));
        Assert.All(expected.Zip(found), both => Assert.Equal(both.First.Data, both.Second.Data));
    }
}
