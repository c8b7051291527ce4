namespace MLRoad.Inference;

/// <summary>Requests joined into one, and answers taken apart again.</summary>
public static class Batches
{
    /// <summary>One request with the rows of all; they have the same columns in the same order.</summary>
    public static IReadOnlyList<Tensor> Join(IReadOnlyList<IReadOnlyList<Tensor>> requests)
    {
        ArgumentNullException.ThrowIfNull(requests);
        return [.. Enumerable.Range(0, requests[0].Count).Select(place => Join([.. requests.Select(some => some[place])]))];
    }

    /// <summary>Some rows of tensors. A tensor without rows, or with fewer, is left as it is.</summary>
    public static IReadOnlyList<Tensor> Rows(IReadOnlyList<Tensor> answer, long first, long count) =>
        [.. answer.Select(tensor => Rows(tensor, first, count))];

    private static Tensor Join(IReadOnlyList<Tensor> parts)
    {
        var data = Array.CreateInstance(parts[0].Data.GetType().GetElementType()!, parts.Sum(part => part.Data.LongLength));
        long place = 0;
        foreach (var part in parts)
        {
            Array.Copy(part.Data, 0, data, place, part.Data.LongLength);
            place += part.Data.LongLength;
        }
        long[] shape = [.. parts[0].Shape];
        shape[0] = parts.Sum(part => part.Rows);
        return new Tensor(parts[0].Name, parts[0].Type, shape, data);
    }

    private static Tensor Rows(Tensor tensor, long first, long count)
    {
        if (tensor.Shape.Length == 0 || tensor.Rows < first + count)
        {
            return tensor;
        }
        var each = tensor.Data.LongLength / tensor.Rows;
        var data = Array.CreateInstance(tensor.Data.GetType().GetElementType()!, each * count);
        Array.Copy(tensor.Data, first * each, data, 0, data.LongLength);
        long[] shape = [.. tensor.Shape];
        shape[0] = count;
        return new Tensor(tensor.Name, tensor.Type, shape, data);
    }
}
