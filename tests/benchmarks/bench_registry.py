"""How long `mlroad why` takes as a process, with 1,000 registered versions."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from mlroad.core.digests import sha256_of_file
from tests.benchmarks.timing import MLROAD, median, seconds
from tests.unit.registry.repos import make_repo, make_run

VERSIONS = 1000


def main() -> None:
    """Print ``name: value (target)`` lines; medians of five runs after one that is not counted."""
    with tempfile.TemporaryDirectory(prefix="bench-registry-") as name:
        repo = make_registry(Path(name, "repo"))
        for words, target in (
            (("why", "diabetes:500"), "0.5"),
            (("why", "diabetes@champion", "--json"), "0.5"),
            (("list", "diabetes"), ""),
            (("who-used", "diabetes:1"), ""),
        ):
            command = [*MLROAD, *words]
            taken = median(partial(seconds, command, repo))
            goal = f" (target {target})" if target else ""
            print(f"registry: mlroad {' '.join(words)}, {VERSIONS} versions: {taken:.2f} s{goal}")


def make_registry(repo: Path) -> Path:
    """Register one version with the tool, then copy its rows and its folder, which saves an hour."""
    make_repo(repo)
    run, twin = make_run(repo, 1), make_run(repo, 1, "dev")
    words = ["register", "diabetes", "--run", run, "--dev-run", twin]
    seconds([*MLROAD, *words], repo)
    seconds([*MLROAD, "approve", "diabetes"], repo)
    registry = repo / ".registry"
    first = next((registry / "models" / "diabetes").iterdir())
    lineage = json.loads((first / "lineage.json").read_text(encoding="utf-8"))
    with closing(sqlite3.connect(registry / "mlflow.db")) as database, database:
        for number in range(2, VERSIONS + 1):
            its = f"{number:064x}"[::-1]
            folder = first.with_name(its[:16])
            shutil.copytree(first, folder)
            for file in folder.rglob("lineage.json"):
                file.write_text(json.dumps(lineage | {"id": its}), encoding="utf-8")
            for table in ("model_versions", "model_version_tags"):
                columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
                taken = ", ".join("?" if column == "version" else column for column in columns)
                names = ", ".join(columns)
                copy = f"INSERT INTO {table} ({names}) SELECT {taken} FROM {table} WHERE version = 1"
                database.execute(copy, (number,))
            change = "UPDATE model_version_tags SET value = ? WHERE key = ? AND version = ?"
            digest = f"sha256:{sha256_of_file(folder / 'lineage.json')}"
            for key, value in (("lineage_id", its), ("lineage_digest", digest)):
                database.execute(change, (value, key, number))
            now = int(datetime.now(UTC).timestamp() * 1000)
            database.execute("UPDATE model_versions SET creation_time = ? WHERE version = ?", (now, number))
    return repo


if __name__ == "__main__":
    main()
