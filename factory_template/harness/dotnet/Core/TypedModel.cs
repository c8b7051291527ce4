namespace MLRoad.Inference;

/// <summary>A record that <c>mlroad codegen csharp</c> wrote: one row of a request.</summary>
/// <typeparam name="TSelf">The record.</typeparam>
public interface IRequestRow<TSelf>
    where TSelf : IRequestRow<TSelf>
{
    /// <summary>What makes the model refuse this row, one sentence each; empty if nothing does.</summary>
    IReadOnlyList<string> Problems();

    /// <summary>The rows as tensors, one for each column.</summary>
    static abstract IReadOnlyList<Tensor> ToTensors(IReadOnlyList<TSelf> rows);
}

/// <summary>A record that <c>mlroad codegen csharp</c> wrote: one row of an answer.</summary>
/// <typeparam name="TSelf">The record.</typeparam>
public interface IAnswerRow<TSelf>
    where TSelf : IAnswerRow<TSelf>
{
    /// <summary>The rows of an answer.</summary>
    static abstract IReadOnlyList<TSelf> FromTensors(IReadOnlyList<Tensor> tensors);
}

/// <summary>A model with records for its requests and answers; the base of generated classes.</summary>
/// <remarks>One instance serves any number of threads.</remarks>
/// <typeparam name="TRequest">One row of a request.</typeparam>
/// <typeparam name="TAnswer">One row of an answer.</typeparam>
public abstract class TypedModel<TRequest, TAnswer> : IDisposable
    where TRequest : IRequestRow<TRequest>
    where TAnswer : IAnswerRow<TAnswer>
{
    /// <summary>A model whose columns are those that the records were generated for.</summary>
    /// <param name="model">The model; it is disposed of with this one, and also if it has other columns.</param>
    /// <param name="columns">The columns of the contract that the records come from.</param>
    /// <exception cref="ModelException">The model has other columns.</exception>
    protected TypedModel(InferenceModel model, string columns)
    {
        ArgumentNullException.ThrowIfNull(model);
        Inference = model;
        if (model.Contract.Columns() is var found && found != columns)
        {
            model.Dispose();
            throw new ModelException(
                $"{typeof(TRequest).Name} was generated for other columns than {model.Contract.Model} "
                + $"{model.Contract.Version} has. Run `mlroad codegen csharp` again.\n"
                + $"generated for: {columns}\nthe model has: {found}");
        }
    }

    /// <summary>The model without records, with its contract.</summary>
    public InferenceModel Inference { get; }

    /// <summary>The answer to one row.</summary>
    /// <exception cref="RefusedException">The row is not one that the model answers.</exception>
    public TAnswer Predict(TRequest row) => Predict([row])[0];

    /// <summary>The answers to some rows, in their order.</summary>
    /// <exception cref="RefusedException">One of the rows is not one that the model answers.</exception>
    public IReadOnlyList<TAnswer> Predict(IReadOnlyList<TRequest> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        for (var place = 0; place < rows.Count; place++)
        {
            if (rows[place].Problems() is { Count: > 0 } problems)
            {
                throw new RefusedException(rows.Count == 1
                    ? string.Join(' ', problems)
                    : $"Row {place}: {string.Join(' ', problems)}");
            }
        }
        return TAnswer.FromTensors(Inference.Infer(TRequest.ToTensors(rows)));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Dispose of the model.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            Inference.Dispose();
        }
    }
}

/// <summary>Columns of records as tensors, and back; called by generated code.</summary>
public static class RowTensors
{
    /// <summary>A column with one value in each row.</summary>
    /// <param name="name">The name of the column.</param>
    /// <param name="type">Its datatype.</param>
    /// <param name="tail">The lengths behind the number of rows.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="value">The value of a row.</param>
    public static Tensor Column<TRow, T>(
        string name, DataType type, long[] tail, IReadOnlyList<TRow> rows, Func<TRow, T> value)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(value);
        var data = new T[rows.Count];
        for (var place = 0; place < data.Length; place++)
        {
            data[place] = value(rows[place]);
        }
        return new Tensor(name, type, [rows.Count, .. tail], data);
    }

    /// <summary>A column with several values in each row.</summary>
    /// <param name="name">The name of the column.</param>
    /// <param name="type">Its datatype.</param>
    /// <param name="tail">The lengths behind the number of rows.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="values">The values of a row.</param>
    public static Tensor Columns<TRow, T>(
        string name, DataType type, long[] tail, IReadOnlyList<TRow> rows, Func<TRow, IReadOnlyList<T>> values)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return new Tensor(name, type, [rows.Count, .. tail], rows.SelectMany(values).ToArray());
    }

    /// <summary>The values of a tensor, converted to another type of numbers if need be.</summary>
    /// <exception cref="RefusedException">A value does not fit, or there is no such tensor and it is required.</exception>
    public static T[] Values<T>(IReadOnlyList<Tensor> tensors, string name, bool isRequired = true)
    {
        var found = tensors.FirstOrDefault(tensor => tensor.Name == name);
        if (found is null)
        {
            return isRequired ? throw new RefusedException($"{name} is missing.") : [];
        }
        var data = found.Data;
        if (data.GetType() == typeof(T[]))
        {
            return (T[])data;
        }
        try
        {
            return [.. data.Cast<object>().Select(value =>
                (T)Convert.ChangeType(value, typeof(T), System.Globalization.CultureInfo.InvariantCulture))];
        }
        catch (Exception error) when (error is OverflowException or FormatException or InvalidCastException)
        {
            throw new RefusedException($"{name} cannot be read as {typeof(T).Name}: {error.Message}");
        }
    }

    /// <summary>The values of one row.</summary>
    public static IReadOnlyList<T> Row<T>(T[] values, int row, int rows)
    {
        ArgumentNullException.ThrowIfNull(values);
        var each = values.Length / rows;
        return values[(row * each)..((row + 1) * each)];
    }
}

/// <summary>Collects what is wrong or unusual in a row; called by generated code.</summary>
public sealed class RowChecks
{
    private readonly List<string> found = [];

    /// <summary>One sentence for each.</summary>
    public IReadOnlyList<string> Found => found;

    /// <summary>A text that must be there.</summary>
    public RowChecks Text(string name, string? value)
    {
        Add(value is null, $"{name} is missing.");
        return this;
    }

    /// <summary>A text that the training data had.</summary>
    public RowChecks Category(string name, string? value, IReadOnlyList<string> known)
    {
        Add(
            value is not null && !known.Contains(value),
            $"{name} is {Show.Value(value)}; the training data has {Show.Names(known.Select(Show.Value))}.");
        return this;
    }

    /// <summary>A number that must be there: NaN is a missing value.</summary>
    public RowChecks Number(string name, double value)
    {
        Add(double.IsNaN(value), $"{name} is missing.");
        return this;
    }

    /// <summary>The numbers of a row, all of them there, in the right count.</summary>
    public RowChecks Values<T>(string name, IReadOnlyList<T>? values, long count, bool isRequired)
    {
        Add(values?.Count != count, $"{name} has {values?.Count ?? 0} values; the model reads {count}.");
        Add(
            isRequired && values is not null && values.Any(value => value is double.NaN or float.NaN or null),
            $"{name} has a missing value.");
        return this;
    }

    /// <summary>A number inside the range that the training data had.</summary>
    public RowChecks Range(string name, double? value, double minimum, double maximum)
    {
        Add(
            value < minimum || value > maximum,
            $"{name} is {Show.Value(value)}; the training data has {Show.Value(minimum)} to {Show.Value(maximum)}.");
        return this;
    }

    private void Add(bool isSo, string what)
    {
        if (isSo)
        {
            found.Add(what);
        }
    }
}
