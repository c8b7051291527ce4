"""Where things are in a repo."""

from pathlib import Path

from mlroad.core.problems import UserError

CACHE = ".mlroad"
"""The folder of a repo for files that mlroad can create again at any time. Git ignores all of it."""
DOTNET_HARNESS = Path("harness/dotnet")
"""Below the root of a factory whose models a .NET application uses."""
_ROOT_MARKS = ("datasets", "pyproject.toml", ".git")


def find_root(start: Path) -> Path | None:
    """The nearest folder from ``start`` upwards that holds datasets/, pyproject.toml or .git."""
    for folder in (start, *start.parents):
        if any((folder / mark).exists() for mark in _ROOT_MARKS):
            return folder
    return None


def from_here(path: Path) -> Path:
    """A path as people read it: relative to the working folder if it is below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def root_here() -> Path:
    """The root of the repo around the working folder, relative if it is that folder itself.

    Raises UserError outside a repo.
    """
    here = Path.cwd()
    root = find_root(here)
    if root is None:
        raise UserError(
            f"{here} is not in a repo.", "Change into the repo (the folder that contains models/) first."
        )
    return Path() if root == here else root


def is_factory(root: Path) -> bool:
    """Whether the repo at ``root`` is a model factory, rather than a prototyping repo."""
    return (root / "factory.yml").is_file()


def has_dotnet_harness(root: Path) -> bool:
    """Whether the factory at ``root`` can ask models in .NET: see `mlroad.models.dotnet_harness`."""
    return (root / DOTNET_HARNESS / "Cli").is_dir()


def chosen_models(folders: list[Path]) -> list[Path]:
    """``folders`` if they are models, or all models of the repo if there are none.

    Raises UserError for a folder that is not a model.
    """
    if not folders:
        return model_folders(root_here())
    for folder in folders:
        if not is_model(folder):
            what = f"{folder} is not a model folder: it has neither pipeline.yml nor steps/."
            raise UserError(what, "Name a folder such as models/my_model, or none to take all models.")
    return folders


def model_folders(root: Path) -> list[Path]:
    """The folders of all models, by name: each holds a pipeline.yml or steps/."""
    models = root / "models"
    if not models.is_dir():
        return []
    return sorted(folder for folder in models.iterdir() if is_model(folder))


def is_model(folder: Path) -> bool:
    """Whether ``folder`` is a model's, and not one that `mlroad new` is still creating."""
    hidden = folder.name.startswith(".") and folder.name != ".."
    if hidden or not folder.is_dir():
        return False
    return (folder / "pipeline.yml").is_file() or (folder / "steps").is_dir()


def cache_folder(root: Path) -> Path:
    """`CACHE`, created if it is missing."""
    folder = root / CACHE
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8", newline="\n")
    return folder
