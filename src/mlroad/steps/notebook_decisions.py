"""What a notebook does not say, and a person must decide before its model is in production."""

import ast
import re

from mlroad.core.text import some
from mlroad.steps.notebook_cells import Statement
from mlroad.steps.notebook_source import Notebook, version_of
from mlroad.steps.notebook_stars import is_star

BEFORE = "**Before it runs:**"
"""How a decision begins without which the model does not run."""


def decisions(notebook: Notebook) -> list[str]:
    """What a person must decide; what must be done before the model runs comes first."""
    return [*_before_it_runs(notebook), *_about_the_model(notebook), *_about_the_data(notebook)]


def _before_it_runs(notebook: Notebook) -> list[str]:
    found = []
    stars = [f"`{ast.unparse(it.node)}`" for it in notebook.flow.imports if is_star(it.node)]
    perhaps: list[str] = []
    for step, name in notebook.flow.unknown:
        later = [other for other, its in notebook.flow.steps.items() if any(name in it.binds for it in its)]
        if stars and not later:
            perhaps.append(f"`{name}`")
            continue
        why = f"only {later[0]}, which comes later, makes it" if later else "no cell before makes it"
        found.append(f"{BEFORE} {step} uses `{name}`, but {why}. Tag the cell that does, or write it.")
    if perhaps:
        what = f"No cell makes {some(list(dict.fromkeys(perhaps)), 9)}. Does {some(stars)}?"
        found.append(f"{what} mlroad cannot read which names that brings. Import them by name.")
    for file, place in notebook.files():
        if place is None and "://" not in file.path:
            what = f"{BEFORE} There is no `{file.path}` (cell {file.cell}) here."
            found.append(f"{what} Put the path of the data into pipeline.yml, input `{file.parameter}`.")
    for magic in [magic for cell in notebook.cells for magic in cell.magics]:
        install = re.match(r"[%!]\s*(?:pip|uv pip|conda) install\s+(.*)", magic)
        if install:
            found.append(
                f"`{magic}` is left out. Run `uv add {install[1].replace('-q ', '')}`, if a step needs it."
            )
        elif not magic.startswith(("%matplotlib", "%load_ext", "%autoreload", "%%time", "%time", "%config")):
            found.append(f"`{magic}` is left out, because a step is plain Python. Does a step need it?")
    return found


def _about_the_model(notebook: Notebook) -> list[str]:
    found = []
    model = notebook.model
    if model is None:
        found.append(
            "Which value is the model? No call of `fit` shows a model of scikit-learn, LightGBM, XGBoost or "
            "CatBoost. Save it in train with `mlflow.<flavor>.save_model(value, model)` and a parameter "
            "`model: OutputModel`."
        )
    else:
        found.append(f"Is `{model.name}` the model? train saves it with `mlflow.{model.flavor}.save_model`.")
        fitted = [
            f"`{name}`"
            for it in notebook.flow.steps.get("prep", [])
            if it.changes or "fit_transform" in _calls(it)
            for name in _fitted(it)
        ]
        if beside := list(dict.fromkeys(fitted)):
            are = "is" if len(beside) == 1 else "are"
            found.append(
                f"{some(beside)} {are} fitted in prep and not part of the saved model, so whoever calls "
                "the model must do the same first. Put both into one "
                "`sklearn.pipeline.make_pipeline(...)` and fit that in train."
            )
    if not notebook.edits.metrics:
        found.append(
            "Which figures decide? No name in evaluate is one metric of scikit-learn. Write them as JSON "
            "to a parameter `metrics: OutputFile`."
        )
    else:
        names = some([f"`{it}`" for it in dict.fromkeys(notebook.edits.metrics)], 9)
        found.append(f"Which of {names} decides? Compare it with the best guess that uses no features.")
    return found


def _about_the_data(notebook: Notebook) -> list[str]:
    found = []
    for file, place in notebook.files():
        if place is None or not version_of(place, notebook.root):
            found.append(
                f"Where does `{file.path}` come from? Make it a dataset (`mlroad dataset add`) and name it "
                f"in pipeline.yml, input `{file.parameter}`: then every run records its version."
            )
    split = [it for it in notebook.kept if "train_test_split" in it.uses]
    if split:
        found.append(
            "Do the test rows stay the same when the data grows? `train_test_split` draws them by position. "
            "`mlroad dataset split` draws them by their content, by group or by time."
        )
    settings = [
        f"`{it}`" for it in notebook.flow.settings if any(it in n for n in notebook.flow.needs.values())
    ]
    if settings:
        became = "became a parameter" if len(settings) == 1 else "became parameters"
        found.append(f"{some(settings, 9)} {became}. Which other numbers do you want to try out?")
    pulled = sorted({it.cell.number for it in notebook.kept if it.pulled})
    if pulled:
        which = f"cell{'s' * (len(pulled) > 1)} {some([str(it) for it in pulled], 9)}"
        found.append(f"Lines of {which} came along without a tag, because a step needs them. Is that right?")
    handed = sorted({name for given in notebook.flow.given.values() for name in given})
    if notebook.model:
        handed = [it for it in handed if it != notebook.model.name]
    if handed:
        names = some([f"`{it}`" for it in handed], 9)
        found.append(f"{names} pass from step to step as pickle files. Are tables better as CSV or Parquet?")
    if notebook.extra:
        found.append(
            f"environment/conda.yml got {some(notebook.extra, 9)}. Is each in pyproject.toml too (`uv add`)?"
        )
    if notebook.local:
        found.append(f"steps/ has a copy of {some([f'{it}.py' for it in notebook.local])}. Keep one copy.")
    return [*found, "Fill in MODEL_CARD.md."]


def _calls(statement: Statement) -> str:
    return statement.cell.source.encode()[statement.start : statement.end].decode()


def _fitted(statement: Statement) -> list[str]:
    return re.findall(r"\b(\w+)\.fit(?:_transform)?\(", _calls(statement))
