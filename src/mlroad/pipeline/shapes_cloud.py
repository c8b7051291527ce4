"""The schemas of steps and components that only Azure ML can run: sweep, parallel, Spark, AutoML and so on.

Taken from azure-ai-ml 1.35.2, as shapes.py. A component's unknown keys are not reported here.
"""

from mlroad.core.text import nearest
from mlroad.core.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from mlroad.pipeline.expressions import expressions
from mlroad.pipeline.findings import Findings, suggest
from mlroad.pipeline.schema_checks import (
    Kind,
    Shape,
    anything,
    at_least,
    bindable,
    boolean,
    either,
    given,
    integer,
    list_of,
    mapping,
    matching,
    one_of,
    scalar,
    text,
    variables,
)
from mlroad.pipeline.shapes import IDENTITY, QUEUE, STEP_KEYS, STEP_RESOURCES

_COUNT = bindable(at_least(1))
_INTERVAL = bindable(at_least(0))


def _number(node: Node, name: str, out: Findings) -> None:
    value = node.value if isinstance(node, ScalarNode) else None
    try:
        float(value if isinstance(value, str | int | float) and not isinstance(value, bool) else "")
    except ValueError:
        out.error(node.at, "MR112", f"{name} must be a number.", "Write a number such as 0.5.")


def _values(node: Node, name: str, out: Findings) -> None:
    list_of(anything)(node, name, out)
    if isinstance(node, ListNode) and not node.items:
        out.error(node.at, "MR112", f"{name} is empty.", "Write at least one value.")


_RANGE: dict[str, Kind] = {"min_value": _number, "max_value": _number}
_BELL: dict[str, Kind] = {"mu": _number, "sigma": _number}
_STEP_WIDTH: dict[str, Kind] = {"q": _number}
_SEARCH: dict[str, dict[str, Kind]] = {
    "choice": {"values": _values},
    "uniform": _RANGE,
    "loguniform": _RANGE,
    "quniform": _RANGE | _STEP_WIDTH,
    "qloguniform": _RANGE | _STEP_WIDTH,
    "normal": _BELL,
    "lognormal": _BELL,
    "qnormal": _BELL | _STEP_WIDTH,
    "qlognormal": _BELL | _STEP_WIDTH,
    "randint": {"upper": bindable(at_least(1))},
}


def _distribution(node: Node, name: str, out: Findings) -> None:
    """One hyperparameter of a sweep; each type of distribution has its own keys, all needed."""
    mapping(node, name, out)
    if not isinstance(node, MapNode):
        return
    kind = (node.text("type") or "").lower()
    keys = _SEARCH.get(kind, {})
    allowed = {"type": one_of(*_SEARCH), **keys}
    Shape(name, allowed, unknown="error" if keys else "ignore", required=("type", *keys))(node, name, out)
    low, high = (_plain(node.values.get(key)) for key in ("min_value", "max_value"))
    if low is not None and high is not None and low >= high:
        what = f"min_value ({low:g}) is not below max_value ({high:g})."
        out.error(node.values["min_value"].at, "MR228", what, "Swap them.")


def _uses(step: MapNode, out: Findings) -> None:
    """The inputs and outputs that a step's own arguments use must be among those that it sets."""
    task = step.values.get("task")
    places = [(step, "input_data"), (step, "args")]
    if isinstance(task, MapNode):
        places += [(task, "program_arguments"), (task, "append_row_to")]
    for parent, key in places:
        text_node = parent.values.get(key)
        for expression in expressions(parent.text(key) or ""):
            place, _, name = expression.body.partition(".")
            declared = step.values.get(place)
            names = declared.values if isinstance(declared, MapNode) else {}
            near = None if place in {"inputs", "outputs"} else nearest(place, ("inputs", "outputs"), 0.8)
            if near and text_node is not None:
                what = f"{key} uses {expression.body}, which is not an expression of Azure ML."
                out.error(text_node.at, "MR245", what, f"Did you mean {near}.{name}?")
            if place in {"inputs", "outputs"} and text_node is not None and name not in names:
                what = f"{key} uses {expression.body}, which the step does not have."
                code = "MR241" if place == "inputs" else "MR242"
                out.error(
                    text_node.at, code, what, suggest(name, names, f"Add it to the {place} of the step.")
                )


def _plain(node: Node | None) -> float | None:
    value = node.value if isinstance(node, ScalarNode) else None
    return value if isinstance(value, int | float) else None


def _search_space(node: Node, name: str, out: Findings) -> None:
    mapping(node, name, out)
    for key, _, value in node if isinstance(node, MapNode) else ():
        _distribution(value, f"{name}.{key}", out)


_SAMPLING = ("random", "grid", "bayesian")
SWEEP_STEP = Shape(
    "A sweep",
    {
        **STEP_KEYS,
        "trial": given,
        "search_space": _search_space,
        "sampling_algorithm": either(
            bindable(one_of(*_SAMPLING)),
            Shape("sampling_algorithm", {"type": one_of(*_SAMPLING)}, unknown="ignore", required=("type",)),
        ),
        "objective": Shape(
            "objective",
            {"goal": bindable(one_of("minimize", "maximize")), "primary_metric": text},
            required=("goal", "primary_metric"),
        ),
        "limits": Shape(
            "limits",
            {
                "max_total_trials": _COUNT,
                "max_concurrent_trials": _COUNT,
                "timeout": _COUNT,
                "trial_timeout": _COUNT,
            },
            required=("max_total_trials",),
        ),
        "early_termination": Shape(
            "early_termination",
            {
                "type": one_of("bandit", "median_stopping", "truncation_selection"),
                "evaluation_interval": _INTERVAL,
                "delay_evaluation": _INTERVAL,
                "slack_factor": _number,
                "slack_amount": _number,
                "truncation_percentage": bindable(at_least(1)),
            },
            required=("type",),
        ),
        "queue_settings": QUEUE,
        "resources": STEP_RESOURCES,
        "compute": text,
        "identity": IDENTITY,
    },
    unknown="warning",
    required=("trial", "objective", "search_space", "limits"),
)

_PARALLEL: dict[str, Kind] = {
    "task": Shape(
        "task",
        {
            "type": one_of("run_function", "model", "function"),
            "code": text,
            "entry_script": text,
            "program_arguments": text,
            "model": text,
            "append_row_to": text,
            "environment": given,
        },
        unknown="warning",
        required=("type", "environment"),
    ),
    "mini_batch_size": bindable(
        matching(
            r"\d+([kKmMgG][bB])*", "a number of files, or a size such as 10kb", "Write a number such as 1."
        )
    ),
    "partition_keys": either(list_of(text), text),
    "input_data": text,
    "logging_level": bindable(one_of("debug", "info", "warning", "warn")),
    "max_concurrency_per_instance": _COUNT,
    "error_threshold": bindable(at_least(-1)),
    "mini_batch_error_threshold": bindable(at_least(-1)),
    "retry_settings": Shape(
        "retry_settings",
        {"timeout": bindable(at_least(1)), "max_retries": bindable(at_least(0))},
        unknown="warning",
    ),
    "environment_variables": bindable(variables),
}
PARALLEL_STEP = Shape(
    "A parallel step",
    {
        **STEP_KEYS,
        **_PARALLEL,
        "component": given,
        "compute": text,
        "resources": STEP_RESOURCES,
        "identity": IDENTITY,
    },
    unknown="warning",
)
PARALLEL_COMPONENT = Shape("A parallel component", _PARALLEL, unknown="ignore", required=("task",))

_SPARK_COUNTS = ("spark.driver.cores", "spark.executor.cores", "spark.executor.instances")
_SPARK_SIZES = ("spark.driver.memory", "spark.executor.memory")
_SIZE = bindable(
    matching(r"\d+ *[kmgtpKMGTP]?[bB]?", "a size such as 2g", "Write a number and k, m, g or t.")
)
_SPARK: dict[str, Kind] = {
    "code": text,
    "entry": Shape("entry", {"file": text, "class_name": text}),
    "py_files": list_of(text),
    "jars": list_of(text),
    "files": list_of(text),
    "archives": list_of(text),
    "conf": Shape(
        "conf",
        {**dict.fromkeys(_SPARK_COUNTS, _COUNT), **dict.fromkeys(_SPARK_SIZES, _SIZE)},
        unknown="ignore",
    ),
    "args": text,
}
SPARK_STEP = Shape(
    "A Spark step",
    {
        **STEP_KEYS,
        **_SPARK,
        "component": given,
        "compute": text,
        "identity": IDENTITY,
        "resources": Shape(
            "resources",
            {"instance_type": bindable(text), "runtime_version": bindable(scalar)},
            required=("instance_type", "runtime_version"),
        ),
    },
    unknown="warning",
)
SPARK_COMPONENT = Shape("A Spark component", _SPARK, unknown="ignore", required=("entry",))

_TABLES = ("classification", "regression", "forecasting")
_TASKS = (
    *_TABLES, "image_classification", "image_classification_multilabel", "image_object_detection",
    "image_instance_segmentation", "text_classification", "text_classification_multilabel", "text_ner",
)  # fmt: skip
_METRICS = (
    "accuracy", "auc_weighted", "norm_macro_recall", "average_precision_score_weighted",
    "precision_score_weighted", "spearman_correlation", "normalized_root_mean_squared_error", "r2_score",
    "normalized_mean_absolute_error", "iou", "mean_average_precision",
)  # fmt: skip
_AUTOML_KEYS = (
    "validation_data", "validation_data_size", "test_data", "test_data_size", "cv_split_column_names",
    "n_cross_validations", "weight_column_name", "featurization", "training", "forecasting",
    "training_parameters", "search_space", "sweep", "log_verbosity", "positive_label", "environment_id",
    "queue_settings", "id",
)  # fmt: skip
_AUTOML_SWITCHES = (
    "enable_onnx_compatible_models", "enable_dnn_training", "enable_model_explainability",
    "enable_stack_ensemble", "enable_vote_ensemble",
)  # fmt: skip
AUTOML_STEP = Shape(
    "An AutoML step",
    {
        **STEP_KEYS,
        **dict.fromkeys(_AUTOML_KEYS, anything),
        "training": Shape("training", dict.fromkeys(_AUTOML_SWITCHES, bindable(boolean)), unknown="ignore"),
        "task": one_of(*_TASKS),
        "primary_metric": bindable(one_of(*_METRICS)),
        "training_data": given,
        "target_column_name": text,
        "compute": text,
        "resources": STEP_RESOURCES,
        "limits": Shape(
            "limits",
            {
                "enable_early_termination": anything,
                "exit_score": anything,
                "max_concurrent_trials": _COUNT,
                "max_cores_per_trial": bindable(integer),
                "max_nodes": _COUNT,
                "max_trials": _COUNT,
                "timeout_minutes": _COUNT,
                "trial_timeout_minutes": _COUNT,
            },
            unknown="warning",
        ),
    },
    unknown="warning",
    required=("task", "training_data"),
)

DATA_TRANSFER_STEP = Shape(
    "A data transfer step",
    {
        **STEP_KEYS,
        "component": given,
        "task": one_of("copy_data", "import_data", "export_data"),
        "data_copy_mode": bindable(one_of("merge_with_overwrite", "fail_if_conflict")),
        "compute": text,
    },
    unknown="ignore",
)
IMPORT_STEP = Shape(
    "An import step",
    {
        **STEP_KEYS,
        "component": given,
        "source": Shape("source", {"type": text, "connection": text, "query": text, "path": text}),
        "compute": text,
    },
    unknown="ignore",
)


def check_cloud_step(kind: str, node: MapNode, name: str, out: Findings) -> None:
    """Check a step of one of these types."""
    CLOUD_STEPS[kind](node, name, out)
    keys = node.values.keys()
    if kind == "parallel" and not {"component", "task"} & keys:
        out.error(node.at, "MR113", f"The step {name} has neither component nor task.", "Add one of them.")
    if kind == "parallel" and "task" in keys and "component" not in keys and "input_data" not in keys:
        out.error(node.at, "MR113", f"The parallel step {name} needs input_data.", "Name the input to split.")
    if "component" not in keys:
        _uses(node, out)
    if kind == "spark" and not {"component", "entry"} & keys:
        out.error(node.at, "MR113", f"The step {name} has neither component nor entry.", "Add one of them.")
    if kind == "spark" and ("compute" in keys) == ("resources" in keys):
        if "compute" in keys:
            what = f"compute and resources of the Spark step {name} exclude each other."
            out.error(node.key_at("compute"), "MR116", what, "Keep one of them.")
        else:
            what = f"The Spark step {name} has neither compute nor resources."
            out.error(node.at, "MR113", what, "Add `resources:` with instance_type and runtime_version.")
    with_target = (node.text("task") or "").lower() in {*_TASKS} - {"text_ner"}
    if kind == "automl" and with_target and "target_column_name" not in keys:
        what = f"The step {name} needs target_column_name."
        out.error(node.at, "MR113", what, "Name the column to predict.")


CLOUD_STEPS = {
    "sweep": SWEEP_STEP,
    "parallel": PARALLEL_STEP,
    "spark": SPARK_STEP,
    "automl": AUTOML_STEP,
    "data_transfer": DATA_TRANSFER_STEP,
    "import": IMPORT_STEP,
}
