using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;

namespace MLRoad.Inference;

/// <summary>The datatypes of the Open Inference Protocol V2 that a model may use.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "These are the protocol's own names.")]
public enum DataType
{
    /// <summary>bool</summary>
    BOOL,
    /// <summary>sbyte</summary>
    INT8,
    /// <summary>short</summary>
    INT16,
    /// <summary>int</summary>
    INT32,
    /// <summary>long</summary>
    INT64,
    /// <summary>byte</summary>
    UINT8,
    /// <summary>ushort</summary>
    UINT16,
    /// <summary>uint</summary>
    UINT32,
    /// <summary>ulong</summary>
    UINT64,
    /// <summary>float</summary>
    FP32,
    /// <summary>double</summary>
    FP64,
    /// <summary>string</summary>
    BYTES,
}

/// <summary>A named tensor: a column of a request, or an output of an answer.</summary>
/// <remarks>
/// <see cref="Data"/> is a flat array in row-major order. Its element type is that of the datatype: <c>double[]</c>
/// for FP64, <c>string[]</c> for BYTES, and so on.
/// </remarks>
[JsonConverter(typeof(TensorConverter))]
public sealed class Tensor
{
    /// <summary>A tensor from data that was already checked.</summary>
    /// <exception cref="RefusedException">The number of values is not that of the shape.</exception>
    public Tensor(string name, DataType type, long[] shape, Array data)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(data);
        Name = name;
        Type = type;
        Shape = shape;
        Data = data;
        var values = Count(name, shape);
        if (values != data.Length)
        {
            throw new RefusedException(
                $"{name} has the shape {Show.Shape(shape)}, which is {values} values, but data has {data.Length}.");
        }
    }

    /// <summary>The name of the column or of the output.</summary>
    public string Name { get; }

    /// <summary>The datatype.</summary>
    public DataType Type { get; }

    /// <summary>The length of each dimension; the first is the number of rows.</summary>
    public long[] Shape { get; }

    /// <summary>The values.</summary>
    public Array Data { get; }

    /// <summary>The number of rows.</summary>
    public long Rows => Shape.Length == 0 ? 1 : Shape[0];

    /// <summary>The values as an array of their type, such as <c>answer[0].Values&lt;float&gt;()</c>.</summary>
    /// <exception cref="InvalidCastException">The datatype has another type.</exception>
    public T[] Values<T>() => (T[])Data;

    /// <summary>Columns of one row each, such as <c>Tensor.Of("age", 51.0)</c>.</summary>
    public static Tensor Of(string name, params double[] values) => Column(name, DataType.FP64, values);

    /// <summary>A column of whole numbers.</summary>
    public static Tensor Of(string name, params long[] values) => Column(name, DataType.INT64, values);

    /// <summary>A column of texts.</summary>
    public static Tensor Of(string name, params string[] values) => Column(name, DataType.BYTES, values);

    /// <summary>A column of truth values.</summary>
    public static Tensor Of(string name, params bool[] values) => Column(name, DataType.BOOL, values);

    /// <summary>The number of values of a shape.</summary>
    internal static long Count(string name, ReadOnlySpan<long> shape)
    {
        try
        {
            long values = 1;
            foreach (var length in shape)
            {
                values = checked(values * length);
            }
            return values;
        }
        catch (OverflowException)
        {
            throw new RefusedException($"{name} has the shape {Show.Shape(shape.ToArray())}, which is too large.");
        }
    }

    private static Tensor Column(string name, DataType type, Array values) =>
        new(name, type, [values.Length, 1], values);
}

/// <summary>A request that the model does not answer. The message is for the caller.</summary>
public sealed class RefusedException(string message) : Exception(message);

/// <summary>A model, a contract or a suite that cannot be used. The message says what is wrong and what to do.</summary>
public sealed class ModelException(string message, Exception? inner = null) : Exception(message, inner);
