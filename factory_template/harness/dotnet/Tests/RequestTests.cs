using System.Globalization;
using System.Text.Json;
using CsCheck;

namespace MLRoad.Inference.Tests;

/// <summary>What a request may say, and what is refused.</summary>
public sealed class RequestTests : IDisposable
{
    private static readonly double[] Two = [1, 2];
    private readonly ModelFolder folder = new();
    private readonly InferenceModel model;

    public RequestTests() => model = InferenceModel.Load(folder.Path);

    public void Dispose()
    {
        model.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void A_request_is_answered()
    {
        var answer = model.Infer([Tensor.Of("age", 20.0, 30.0), Tensor.Of("city", "Ulm", "Bonn")]);

        Assert.Equal([51f, 61f], Assert.Single(answer).Values<float>());
    }

    [Fact]
    public void Columns_may_be_flat_nested_and_in_any_order()
    {
        var answer = Ask("""
            {"id": "7", "inputs": [{"data": ["Ulm", "Bonn"], "datatype": "BYTES", "shape": [2], "name": "city"},
                                   {"data": [[20.0], [30]], "name": "age", "datatype": "FP64", "shape": [2, 1]}]}
            """);

        Assert.Equal([51f, 61f], Assert.Single(answer).Values<float>());
    }

    [Theory]
    [InlineData("INT64", "[20]")]
    [InlineData("INT32", "[20]")]
    [InlineData("UINT8", "[20]")]
    [InlineData("FP32", "[20]")]
    public void Numbers_of_another_width_are_read(string datatype, string data) =>
        Assert.Equal([51f], Assert.Single(Ask(Request(datatype, data))).Values<float>());

    [Theory]
    [InlineData("FP64", "[\"20\"]", "age contains \"20\", which is not a valid FP64")]
    [InlineData("FP64", "[null]", "age contains null")]
    [InlineData("FP64", "[true]", "age contains true")]
    [InlineData("FP64", "[{}]", "age contains an object")]
    [InlineData("FP64", "[1, 2]", "which is 1 values, but data has")]
    [InlineData("FP64", "[]", "which is 1 values, but data has 0")]
    [InlineData("FP64", "[[[[1]]]]", "nested deeper than its shape")]
    [InlineData("FP64", "[\"NaN\"]", "age has a missing value")]
    [InlineData("FP64", "[1e39]", "too large for the model's FP32")]
    [InlineData("FP32", "[1e39]", "which is not a valid FP32")]
    [InlineData("INT64", "[1.5]", "age contains 1.5, which is not a valid INT64")]
    [InlineData("INT8", "[300]", "age contains 300, which is not a valid INT8")]
    [InlineData("BOOL", "[true]", "age is BOOL, but FP64 is expected")]
    [InlineData("BYTES", "[\"20\"]", "age is BYTES, but FP64 is expected")]
    [InlineData("3", "[1]", "The datatype of age is not known")]
    [InlineData("fp64", "[1]", "The datatype of age is not known")]
    public void Data_of_another_kind_is_refused(string datatype, string data, string what) =>
        Assert.Contains(
            what,
            Assert.Throws<RefusedException>(() => Ask(Request(datatype, data))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Columns_that_are_missing_unknown_twice_or_of_another_length_are_refused()
    {
        Refused("The input city is missing", Tensor.Of("age", 1.0));
        Refused("There is no input town. The inputs are age, city", Tensor.Of("age", 1.0), Tensor.Of("town", "Ulm"));
        Refused("There are two inputs age", Tensor.Of("age", 1.0), Tensor.Of("age", 1.0));
        Refused("differ in length", Tensor.Of("age", 1.0, 2.0), Tensor.Of("city", "Ulm"));
        Refused("no rows", Tensor.Of("age", Array.Empty<double>()), Tensor.Of("city", Array.Empty<string>()));
        Refused("no rows");
        Refused("has the shape [1, 2]", new Tensor("age", DataType.FP64, [1, 2], Two), Tensor.Of("city", "Ulm"));
    }

    [Fact]
    public void An_optional_column_may_be_left_out()
    {
        folder.Replace("contract.json", "\"BYTES\",", "\"BYTES\", \"required\": false,");
        using var optional = InferenceModel.Load(folder.Path);

        Assert.Equal([41f], Assert.Single(optional.Infer([Tensor.Of("age", 20.0)])).Values<float>());
    }

    [Fact]
    public void A_shape_alone_takes_no_memory()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<RefusedException>(() => Ask(
            """{"inputs": [{"name": "age", "shape": [2000000000], "datatype": "FP64", "data": [1]}]}"""));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Any_tensor_survives_the_way_through_JSON() => Tensors.Sample(tensor =>
    {
        var text = JsonSerializer.Serialize(tensor);
        var back = JsonSerializer.Deserialize<Tensor>(text)!;
        return back.Name == tensor.Name && back.Type == tensor.Type && back.Shape.SequenceEqual(tensor.Shape)
            && back.Data.Cast<object>().SequenceEqual(tensor.Data.Cast<object>());
    });

    [Fact]
    public void Rows_in_a_batch_are_answered_as_alone() => Gen.Select(
        Gen.Double[-1e6, 1e6].Array[1, 40], Gen.OneOf(Gen.Const("Ulm"), Gen.Const("Bonn"), Gen.Const("Zürich"), Gen.String).Array[40]).Sample(
        (ages, towns) =>
        {
            var cities = towns[..ages.Length];
            var batch = Answer(Tensor.Of("age", ages), Tensor.Of("city", cities));
            return batch.Index().All(answer => answer.Item
                == Answer(Tensor.Of("age", ages[answer.Index]), Tensor.Of("city", cities[answer.Index]))[0]);
        }, iter: 200);

    [Fact]
    public void Bytes_that_are_no_request_are_refused_and_nothing_else() => Gen.Byte.Array[0, 60].Sample(bytes =>
    {
        try
        {
            _ = JsonSerializer.Deserialize(bytes, Documents.Default.InferenceRequest);
        }
        catch (Exception error) when (error is JsonException or RefusedException)
        {
        }
    });

    [Fact]
    public void A_request_that_is_cut_or_changed_anywhere_is_answered_or_refused()
    {
        var text = Request("FP64", "[[20.5]]");
        for (var place = 0; place < text.Length; place++)
        {
            foreach (var changed in new[] { text[..place], text.Remove(place, 1), text.Insert(place, "["), text.Insert(place, "9") })
            {
                try
                {
                    Ask(changed);
                }
                catch (Exception error) when (error is JsonException or RefusedException)
                {
                }
            }
        }
    }

    private static Gen<Tensor> Tensors { get; } = Gen.OneOf(
        Gen.Double.Array[0, 20].Select(data => Make(DataType.FP64, data)),
        Gen.Float.Array[0, 20].Select(data => Make(DataType.FP32, data)),
        Gen.Long.Array[0, 20].Select(data => Make(DataType.INT64, data)),
        Gen.Int.Array[0, 20].Select(data => Make(DataType.INT32, data)),
        Gen.ULong.Array[0, 20].Select(data => Make(DataType.UINT64, data)),
        Gen.SByte.Array[0, 20].Select(data => Make(DataType.INT8, data)),
        Gen.Bool.Array[0, 20].Select(data => Make(DataType.BOOL, data)),
        Gen.String.Array[0, 20].Select(data => Make(DataType.BYTES, data)));

    private static Tensor Make(DataType type, Array data) => new("x", type, [data.Length, 1], data);

    private static string Request(string datatype, string data) => string.Create(CultureInfo.InvariantCulture, $$"""
        {"inputs": [{"name": "age", "shape": [1, 1], "datatype": "{{datatype}}", "data": {{data}}},
                    {"name": "city", "shape": [1, 1], "datatype": "BYTES", "data": ["Ulm"]}]}
        """);

    private float[] Answer(params Tensor[] inputs) => model.Infer(inputs)[0].Values<float>();

    private IReadOnlyList<Tensor> Ask(string request) =>
        model.Infer(JsonSerializer.Deserialize(request, Documents.Default.InferenceRequest)!.Inputs);

    private void Refused(string what, params Tensor[] inputs) => Assert.Contains(
        what, Assert.Throws<RefusedException>(() => model.Infer(inputs)).Message, StringComparison.Ordinal);
}
