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

    /// <summary>The values of a tensor in the type of the graph.</summary>
    public static Array Values(Tensor tensor, TensorElementType type, Field field) => type switch
    {
        TensorElementType.Float => Singles(tensor, field),
        TensorElementType.Double => Doubles(tensor, field),
        TensorElementType.Int64 => Whole<long>(tensor),
        TensorElementType.Int32 => Whole<int>(tensor),
        TensorElementType.Bool or TensorElementType.String => tensor.Data,
        _ => throw new RefusedException($"The input {field.Name} is {type} in the model, which is not supported."),
    };

    /// <summary>Values for ONNX Runtime, which reads the array itself except for texts.</summary>
    public static OrtValue Create(Array values, long[] shape) => values switch
    {
        float[] numbers => OrtValue.CreateTensorValueFromMemory(numbers, shape),
        double[] numbers => OrtValue.CreateTensorValueFromMemory(numbers, shape),
        long[] numbers => OrtValue.CreateTensorValueFromMemory(numbers, shape),
        int[] numbers => OrtValue.CreateTensorValueFromMemory(numbers, shape),
        bool[] truths => OrtValue.CreateTensorValueFromMemory(truths, shape),
        _ => Texts((string[])values, shape),
    };

    public static bool CanReserve(TensorElementType type) => type is TensorElementType.Float or TensorElementType.Double
        or TensorElementType.Int64 or TensorElementType.Int32 or TensorElementType.Bool or TensorElementType.String;

    /// <summary>An array for values of a type, and ONNX Runtime's view of it. That of texts has texts of its own.</summary>
    public static (Array Data, OrtValue Value) Reserve(TensorElementType type, long[] shape)
    {
        long values = 1;
        foreach (var length in shape)
        {
            values *= length;
        }
        Array data = type switch
        {
            TensorElementType.Float => new float[values],
            TensorElementType.Double => new double[values],
            TensorElementType.Int64 => new long[values],
            TensorElementType.Int32 => new int[values],
            TensorElementType.Bool => new bool[values],
            _ => Filled(values, ""),
        };
        return (data, Create(data, shape));
    }

    public static DataType TypeOf(Array values) => values switch
    {
        float[] => DataType.FP32,
        double[] => DataType.FP64,
        long[] => DataType.INT64,
        int[] => DataType.INT32,
        bool[] => DataType.BOOL,
        _ => DataType.BYTES,
    };

    public static void Put(string[] texts, OrtValue value)
    {
        for (var place = 0; place < texts.Length; place++)
        {
            value.StringTensorSetElementAt(texts[place].AsSpan(), place);
        }
    }

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
        Put(values, value);
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
