using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MLRoad.Inference;

/// <summary>Reads and writes tensors as JSON: data flat or nested, NaN and infinities as strings.</summary>
/// <remarks>
/// Source: Open Inference Protocol V2, https://github.com/kserve/open-inference-protocol. JSON has no NaN; the
/// strings "NaN", "Infinity" and "-Infinity" are those of the JSON mapping of Protocol Buffers.
/// </remarks>
public sealed class TensorConverter : JsonConverter<Tensor>
{
    private const int Deepest = 8;

    /// <summary>A null is not a tensor, either.</summary>
    public override bool HandleNull => true;

    /// <inheritdoc/>
    public override Tensor Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new RefusedException("A tensor should be a JSON object.");
        }
        string? name = null;
        DataType? type = null;
        long[]? shape = null;
        Array? data = null;
        Utf8JsonReader later = default;
        var isLater = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("name"u8))
            {
                OnlyOnce("name", name is not null);
                reader.Read();
                name = reader.TokenType == JsonTokenType.String
                    && reader.GetString() is { Length: > 0 } text
                    ? text
                    : throw new RefusedException("The name of a tensor should be text.");
            }
            else if (reader.ValueTextEquals("datatype"u8))
            {
                OnlyOnce("datatype", type is not null);
                reader.Read();
                type = ReadType(ref reader, name);
            }
            else if (reader.ValueTextEquals("shape"u8))
            {
                OnlyOnce("shape", shape is not null);
                reader.Read();
                shape = ReadShape(ref reader, name);
            }
            else if (reader.ValueTextEquals("data"u8))
            {
                OnlyOnce("data", data is not null || isLater);
                reader.Read();
                if (type is { } known && shape is { } lengths && name is { } called)
                {
                    data = ReadData(ref reader, called, known, lengths);
                }
                else
                {
                    later = reader; // a copy at this place: the datatype may come after the data
                    isLater = true;
                    reader.Skip();
                }
            }
            else
            {
                throw new RefusedException($"A tensor has no key {reader.GetString()}.");
            }
        }
        if (name is null || type is null || shape is null || (data is null && !isLater))
        {
            throw new RefusedException($"The tensor {name} needs name, shape, datatype and data.");
        }
        return new Tensor(name, type.Value, shape, data ?? ReadData(ref later, name, type.Value, shape));
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, Tensor value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        writer.WriteStartObject();
        writer.WriteString("name"u8, value.Name);
        writer.WriteStartArray("shape"u8);
        foreach (var length in value.Shape)
        {
            writer.WriteNumberValue(length);
        }
        writer.WriteEndArray();
        writer.WriteString("datatype"u8, value.Type.ToString());
        writer.WriteStartArray("data"u8);
        WriteData(writer, value);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void OnlyOnce(string key, bool isKnown)
    {
        if (isKnown)
        {
            throw new RefusedException($"A tensor has the key {key} twice.");
        }
    }

    private static DataType ReadType(ref Utf8JsonReader reader, string? name)
    {
        var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        // `TryParse` reads numbers, lists and blanks as well.
        return Enum.TryParse<DataType>(text, out var type) && Enum.GetName(type) == text
            ? type
            : throw new RefusedException(
                $"The datatype of {name} is not known. Known: {Show.Names(Enum.GetNames<DataType>())}.");
    }

    private static long[] ReadShape(ref Utf8JsonReader reader, string? name)
    {
        var shape = new List<long>(2);
        if (reader.TokenType == JsonTokenType.StartArray)
        {
            while (reader.Read() && reader.TokenType == JsonTokenType.Number
                && reader.TryGetInt32(out var length) && length >= 0)
            {
                shape.Add(length);
            }
        }
        return reader.TokenType == JsonTokenType.EndArray && shape.Count is > 0 and <= Deepest
            ? [.. shape]
            : throw new RefusedException($"The shape of {name} should be a list of lengths.");
    }

    private static Array ReadData(ref Utf8JsonReader reader, string name, DataType type, long[] shape)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new RefusedException($"The data of {name} should be a list.");
        }
        var values = Tensor.Count(name, shape);
        return type switch
        {
            DataType.BOOL => Fill<bool>(ref reader, name, type, shape, values, Bool),
            DataType.INT8 => Fill<sbyte>(ref reader, name, type, shape, values,
                static (ref Utf8JsonReader r, out sbyte v) => r.TryGetSByte(out v)),
            DataType.INT16 => Fill<short>(ref reader, name, type, shape, values,
                static (ref Utf8JsonReader r, out short v) => r.TryGetInt16(out v)),
            DataType.INT32 => Fill<int>(ref reader, name, type, shape, values,
                static (ref Utf8JsonReader r, out int v) => r.TryGetInt32(out v)),
            DataType.INT64 => Fill<long>(ref reader, name, type, shape, values,
                static (ref Utf8JsonReader r, out long v) => r.TryGetInt64(out v)),
            DataType.UINT8 => Fill<byte>(ref reader, name, type, shape, values,
                static (ref Utf8JsonReader r, out byte v) => r.TryGetByte(out v)),
            DataType.UINT16 => Fill<ushort>(ref reader, name, type, shape, values,
                static (ref Utf8JsonReader r, out ushort v) => r.TryGetUInt16(out v)),
            DataType.UINT32 => Fill<uint>(ref reader, name, type, shape, values,
                static (ref Utf8JsonReader r, out uint v) => r.TryGetUInt32(out v)),
            DataType.UINT64 => Fill<ulong>(ref reader, name, type, shape, values,
                static (ref Utf8JsonReader r, out ulong v) => r.TryGetUInt64(out v)),
            DataType.FP32 => Fill<float>(ref reader, name, type, shape, values, Single),
            DataType.FP64 => Fill<double>(ref reader, name, type, shape, values, Double),
            _ => Fill<string>(ref reader, name, type, shape, values, Text),
        };
    }

    private delegate bool TryGet<T>(ref Utf8JsonReader reader, out T value);

    /// <summary>The values of a list, flat or nested as the shape says; the reader is at its start.</summary>
    private static T[] Fill<T>(
        ref Utf8JsonReader reader, string name, DataType type, long[] shape, long values, TryGet<T> get)
    {
        // No more room than the text can hold: a shape alone must not take memory.
        var room = Math.Min(values, 1024);
        var data = new T[room];
        var count = 0;
        var depth = 1;
        while (depth > 0)
        {
            reader.Read();
            switch (reader.TokenType)
            {
                case JsonTokenType.StartArray:
                    depth++;
                    if (depth > shape.Length)
                    {
                        throw new RefusedException($"The data of {name} is nested deeper than its shape.");
                    }
                    break;
                case JsonTokenType.EndArray:
                    depth--;
                    if (depth > 0 && count % Inner(shape, depth) != 0)
                    {
                        throw new RefusedException(
                            $"The nested data of {name} does not have the shape {Show.Shape(shape)}.");
                    }
                    break;
                default:
                    if (reader.TokenType is JsonTokenType.StartObject || !Matches(reader.TokenType, type)
                        || !get(ref reader, out var value))
                    {
                        throw new RefusedException($"{name} contains {Raw(ref reader)}, which is not a valid {type}.");
                    }
                    if (count == data.Length)
                    {
                        if (count >= values)
                        {
                            throw new RefusedException(
                                $"{name} has the shape {Show.Shape(shape)}, which is {values} values, but data has more.");
                        }
                        Array.Resize(ref data, (int)Math.Min(values, 2L * count));
                    }
                    data[count++] = value;
                    break;
            }
        }
        if (count != values)
        {
            throw new RefusedException(
                $"{name} has the shape {Show.Shape(shape)}, which is {values} values, but data has {count}.");
        }
        return data;
    }

    /// <summary>The number of values in a list at this depth.</summary>
    private static long Inner(long[] shape, int depth)
    {
        long values = 1;
        foreach (var length in shape.AsSpan(depth))
        {
            values *= length;
        }
        return Math.Max(values, 1);
    }

    private static bool Matches(JsonTokenType token, DataType type) => type switch
    {
        DataType.BOOL => token is JsonTokenType.True or JsonTokenType.False,
        DataType.BYTES => token is JsonTokenType.String,
        DataType.FP32 or DataType.FP64 => token is JsonTokenType.Number or JsonTokenType.String,
        _ => token is JsonTokenType.Number,
    };

    private static bool Bool(ref Utf8JsonReader reader, out bool value)
    {
        value = reader.TokenType == JsonTokenType.True;
        return true;
    }

    private static bool Text(ref Utf8JsonReader reader, out string value)
    {
        value = reader.GetString()!;
        return true;
    }

    private static bool Double(ref Utf8JsonReader reader, out double value)
    {
        if (reader.TokenType == JsonTokenType.Number)
        {
            return reader.TryGetDouble(out value) && double.IsFinite(value);
        }
        (var known, value) = reader.GetString() switch
        {
            "NaN" => (true, double.NaN),
            "Infinity" => (true, double.PositiveInfinity),
            "-Infinity" => (true, double.NegativeInfinity),
            _ => (false, 0.0),
        };
        return known;
    }

    private static bool Single(ref Utf8JsonReader reader, out float value)
    {
        var known = Double(ref reader, out var number);
        value = (float)number;
        return known && (float.IsFinite(value) || !double.IsFinite(number));
    }

    private static string Raw(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is JsonTokenType.StartObject)
        {
            return "an object";
        }
        return reader.TokenType is JsonTokenType.String
            ? Show.Value(reader.GetString())
            : Encoding.UTF8.GetString(reader.ValueSpan[..Math.Min(reader.ValueSpan.Length, 60)]);
    }

    private static void WriteData(Utf8JsonWriter writer, Tensor tensor)
    {
        // By the datatype: to .NET, an array of ulong is one of long as well.
        switch (tensor.Type)
        {
            case DataType.FP64:
                foreach (var value in tensor.Values<double>())
                {
                    WriteNumber(writer, value);
                }
                break;
            case DataType.FP32:
                foreach (var value in tensor.Values<float>())
                {
                    if (float.IsFinite(value))
                    {
                        writer.WriteNumberValue(value);
                    }
                    else
                    {
                        WriteNumber(writer, value);
                    }
                }
                break;
            case DataType.BYTES:
                foreach (var value in tensor.Values<string>())
                {
                    writer.WriteStringValue(value);
                }
                break;
            case DataType.BOOL:
                foreach (var value in tensor.Values<bool>())
                {
                    writer.WriteBooleanValue(value);
                }
                break;
            default:
                foreach (var value in tensor.Data)
                {
                    writer.WriteNumberValue(Convert.ToDecimal(value, CultureInfo.InvariantCulture));
                }
                break;
        }
    }

    private static void WriteNumber(Utf8JsonWriter writer, double value)
    {
        if (double.IsFinite(value))
        {
            writer.WriteNumberValue(value);
        }
        else
        {
            writer.WriteStringValue(double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        }
    }
}
