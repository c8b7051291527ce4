using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace MLRoad.Inference;

/// <summary>The kind of values of a datatype: answers of one family may be compared.</summary>
internal enum Family
{
    Boolean,
    Integer,
    Number,
    Text,
}

/// <summary>Tensors of the protocol as values of ONNX Runtime, and back.</summary>
internal static class OrtTensors
{
    public static Family FamilyOf(DataType type) => type switch
    {
        DataType.BOOL => Family.Boolean,
        DataType.FP32 or DataType.FP64 => Family.Number,
        DataType.BYTES => Family.Text,
        _ => Family.Integer,
    };

    public static DataType? TypeOf(TensorElementType type) => type switch
    {
        TensorElementType.Bool => DataType.BOOL,
        TensorElementType.Int8 => DataType.INT8,
        TensorElementType.Int16 => DataType.INT16,
        TensorElementType.Int32 => DataType.INT32,
        TensorElementType.Int64 => DataType.INT64,
        TensorElementType.UInt8 => DataType.UINT8,
        TensorElementType.UInt16 => DataType.UINT16,
        TensorElementType.UInt32 => DataType.UINT32,
        TensorElementType.UInt64 => DataType.UINT64,
        TensorElementType.Float => DataType.FP32,
        TensorElementType.Double => DataType.FP64,
        TensorElementType.String => DataType.BYTES,
        _ => null,
    };

    /// <summary>The column that a request left out: missing in every row.</summary>
    public static Tensor Missing(Field field, long rows) => FamilyOf(field.Datatype) switch
    {
        Family.Number => new Tensor(field.Name, DataType.FP64, [rows], Filled(rows, double.NaN)),
        Family.Text => new Tensor(field.Name, DataType.BYTES, [rows], Filled(rows, "")),
        _ => throw new RefusedException($"The input {field.Name} is missing, and {field.Datatype} has no missing value."),
    };

    public static OrtValue Create(Tensor tensor, TensorElementType type, long[] shape, Field field) => type switch
    {
        TensorElementType.Float => OrtValue.CreateTensorValueFromMemory(Singles(tensor, field), shape),
        TensorElementType.Double => OrtValue.CreateTensorValueFromMemory(Doubles(tensor, field), shape),
        TensorElementType.Int64 => OrtValue.CreateTensorValueFromMemory(Whole<long>(tensor), shape),
        TensorElementType.Int32 => OrtValue.CreateTensorValueFromMemory(Whole<int>(tensor), shape),
        TensorElementType.Bool => OrtValue.CreateTensorValueFromMemory((bool[])tensor.Data, shape),
        TensorElementType.String => Texts((string[])tensor.Data, shape),
        _ => throw new RefusedException($"The input {field.Name} is {type} in the model, which is not supported."),
    };

    public static Tensor Read(string name, OrtValue value)
    {
        var about = value.GetTensorTypeAndShape();
        var shape = about.Shape;
        return about.ElementDataType switch
        {
            TensorElementType.Float => Copy<float>(DataType.FP32),
            TensorElementType.Double => Copy<double>(DataType.FP64),
            TensorElementType.Int64 => Copy<long>(DataType.INT64),
            TensorElementType.Int32 => Copy<int>(DataType.INT32),
            TensorElementType.Int16 => Copy<short>(DataType.INT16),
            TensorElementType.Int8 => Copy<sbyte>(DataType.INT8),
            TensorElementType.UInt64 => Copy<ulong>(DataType.UINT64),
            TensorElementType.UInt32 => Copy<uint>(DataType.UINT32),
            TensorElementType.UInt16 => Copy<ushort>(DataType.UINT16),
            TensorElementType.UInt8 => Copy<byte>(DataType.UINT8),
            TensorElementType.Bool => Copy<bool>(DataType.BOOL),
            _ => new Tensor(name, DataType.BYTES, shape, value.GetStringTensorAsArray()),
        };

        Tensor Copy<T>(DataType type)
            where T : unmanaged => new(name, type, shape, value.GetTensorDataAsSpan<T>().ToArray());
    }

    private static T[] Filled<T>(long rows, T value)
    {
        var values = new T[rows];
        Array.Fill(values, value);
        return values;
    }

    private static OrtValue Texts(string[] values, long[] shape)
    {
        var value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape);
        for (var place = 0; place < values.Length; place++)
        {
            value.StringTensorSetElementAt(values[place].AsSpan(), place);
        }
        return value;
    }

    private static double[] Doubles(Tensor tensor, Field field)
    {
        if (tensor.Data is not double[] values)
        {
            values = new double[tensor.Data.Length];
            Array.Copy(tensor.Data, values, values.Length);
        }
        if (field.Required)
        {
            RefuseMissing(values, field);
        }
        return values;
    }

    private static float[] Singles(Tensor tensor, Field field)
    {
        if (tensor.Data is float[] ready)
        {
            if (field.Required)
            {
                foreach (var value in ready)
                {
                    if (float.IsNaN(value))
                    {
                        throw Missing(field);
                    }
                }
            }
            return ready;
        }
        var doubles = Doubles(tensor, field);
        var singles = new float[doubles.Length];
        for (var place = 0; place < singles.Length; place++)
        {
            singles[place] = (float)doubles[place];
            if (float.IsInfinity(singles[place]) && double.IsFinite(doubles[place]))
            {
                throw new RefusedException($"The input {field.Name} contains {Show.Value(doubles[place])}, "
                    + "which is too large for the model's FP32.");
            }
        }
        return singles;
    }

    private static void RefuseMissing(double[] values, Field field)
    {
        foreach (var value in values)
        {
            if (double.IsNaN(value))
            {
                throw Missing(field);
            }
        }
    }

    private static RefusedException Missing(Field field) =>
        new($"The input {field.Name} has a missing value, but the model needs one in each row.");

    private static T[] Whole<T>(Tensor tensor)
        where T : unmanaged
    {
        if (tensor.Data.GetType() == typeof(T[])) // `is` would take an array of ulong for one of long
        {
            return (T[])tensor.Data;
        }
        var values = new T[tensor.Data.Length];
        try
        {
            for (var place = 0; place < values.Length; place++)
            {
                values[place] = (T)System.Convert.ChangeType(
                    tensor.Data.GetValue(place)!, typeof(T), System.Globalization.CultureInfo.InvariantCulture);
            }
        }
        catch (OverflowException)
        {
            throw new RefusedException($"The input {tensor.Name} contains a value that is too large for the model.");
        }
        return values;
    }
}
