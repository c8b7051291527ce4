using System.Text;

namespace MLRoad.Inference.Tests;

/// <summary>
/// Writes a small ONNX model without any library: prediction = age * weight + (city == "Ulm" ? 10 : 0) + 1, where age
/// is FP64 (FP32 in the graph) and city is BYTES. The field numbers are those of onnx.proto3 (onnx 1.20).
/// </summary>
internal static class TinyOnnx
{
    public static byte[] Bytes(float weight = 2, string output = "prediction", long opset = 19, bool swapsRows = false)
    {
        var nodes = new List<byte[]>
        {
            Node("Equal", ["city", "ulm"], ["is_ulm"]),
            Node("Cast", ["is_ulm"], ["ulm_number"], Attribute("to", 1)),
            Node("Mul", ["ulm_number", "ten"], ["from_city"]),
            Node("Mul", ["age", "weight"], ["from_age"]),
            Node("Add", ["from_age", "from_city"], ["sum"]),
            Node("Add", ["sum", "one"], ["column"]),
            Node("Squeeze", ["column", "axis"], [swapsRows ? "row" : output]),
        };
        if (swapsRows)
        {
            // In a batch, each row gets the mean of all.
            nodes.Add(Node("ReduceMean", ["row"], ["mean"], Attribute("keepdims", 1)));
            nodes.Add(Node("Mul", ["row", "zero"], ["nothing"]));
            nodes.Add(Node("Add", ["nothing", "mean"], [output]));
        }
        byte[] graph =
        [
            .. nodes.SelectMany(node => Bytes(1, node)),
            .. Text(2, "tiny"),
            .. Bytes(5, Floats("weight", weight)),
            .. Bytes(5, Floats("ten", 10)),
            .. Bytes(5, Floats("one", 1)),
            .. Bytes(5, Floats("zero", 0)),
            .. Bytes(5, [.. Varint(1, 1), .. Varint(2, 8), .. Bytes(6, "Ulm"u8.ToArray()), .. Text(8, "ulm")]),
            .. Bytes(5, [.. Varint(1, 1), .. Varint(2, 7), .. Varint(7, 1), .. Text(8, "axis")]),
            .. Bytes(11, Value("age", 1, 1)),
            .. Bytes(11, Value("city", 8, 1)),
            .. Bytes(12, Value(output, 1)),
        ];
        return [.. Varint(1, 9), .. Bytes(7, graph), .. Bytes(8, [.. Text(1, ""), .. Varint(2, (ulong)opset)])];
    }

    private static byte[] Node(string type, string[] inputs, string[] outputs, byte[]? attribute = null) =>
    [
        .. inputs.SelectMany(name => Text(1, name)),
        .. outputs.SelectMany(name => Text(2, name)),
        .. Text(4, type),
        .. attribute is null ? [] : Bytes(5, attribute),
    ];

    private static byte[] Attribute(string name, long value) =>
        [.. Text(1, name), .. Varint(3, (ulong)value), .. Varint(20, 2)];

    private static byte[] Floats(string name, float value) =>
        [.. Varint(1, 1), .. Varint(2, 1), .. Bytes(9, BitConverter.GetBytes(value)), .. Text(8, name)];

    private static byte[] Value(string name, ulong type, params ulong[] tail)
    {
        byte[] shape =
        [
            .. Bytes(1, Text(2, "rows")),
            .. tail.SelectMany(length => Bytes(1, Varint(1, length))),
        ];
        return [.. Text(1, name), .. Bytes(2, Bytes(1, [.. Varint(1, type), .. Bytes(2, shape)]))];
    }

    private static byte[] Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    private static byte[] Bytes(int field, byte[] value) =>
        [.. Raw(((ulong)field << 3) | 2), .. Raw((ulong)value.Length), .. value];

    private static byte[] Varint(int field, ulong value) => [.. Raw((ulong)field << 3), .. Raw(value)];

    private static byte[] Raw(ulong value)
    {
        var bytes = new List<byte>();
        for (; value > 0x7f; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }
        bytes.Add((byte)value);
        return [.. bytes];
    }
}
