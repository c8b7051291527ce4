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

    /// <summary><paramref name="count"/> of the <paramref name="total"/> rows of tensors. Others are left as they are.</summary>
    public static IReadOnlyList<Tensor> Rows(IReadOnlyList<Tensor> tensors, long first, long count, long total) =>
        [.. tensors.Select(tensor => tensor.Shape.Length > 0 && tensor.Rows == total ? Rows(tensor, first, count) : tensor)];

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
        var each = tensor.Data.LongLength / Math.Max(tensor.Rows, 1);
        var data = Array.CreateInstance(tensor.Data.GetType().GetElementType()!, each * count);
        Array.Copy(tensor.Data, first * each, data, 0, data.LongLength);
        long[] shape = [.. tensor.Shape];
        shape[0] = count;
        return new Tensor(tensor.Name, tensor.Type, shape, data);
    }
}
