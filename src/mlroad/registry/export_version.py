"""`mlroad export --version`: the ONNX model of a registered version.

If the gate has judged one, that is copied: an application takes the bytes that were judged.
"""

import json
import shutil
from pathlib import Path

from mlroad.core.digests import digest_of
from mlroad.core.files import write_json
from mlroad.core.problems import UserError
from mlroad.models.onnx_export import CONTRACT, EXPORT, PARITY, Source, export, replacing_folder
from mlroad.models.onnx_parity import Parity
from mlroad.registry.base import Registry, Version


def export_version(registry: Registry, version: Version, model_folder: Path, root: Path, out: Path) -> Parity:
    """Write the model of a version into a folder. Raises UserError and NotExportable, as `export` does."""
    path = registry.model_path(version, "prod")
    if path is None:
        raise UserError(f"{version.name} has no model in the registry.", "Choose another version.")
    lineage = version.lineage
    judged = path.parent / EXPORT
    recorded = (lineage["verdict"].get("export") or {}).get("digest")
    if recorded and judged.is_dir() and digest_of(judged) == recorded:
        return _copied(judged, version, out)
    used = {use["dataset"]: use["digest"] for use in lineage["datasets"] if use["stage"] == "prod"}
    source = Source(version.model, str(version.number), path, str(lineage["model_digest"]), used)
    return export(model_folder, root, source, out)


def _copied(judged: Path, version: Version, out: Path) -> Parity:
    with replacing_folder(out) as folder:
        shutil.copytree(judged, folder, dirs_exist_ok=True)
        # It was exported before it was registered: as a run.
        contract = json.loads((folder / CONTRACT).read_text(encoding="utf-8"))
        write_json(folder / CONTRACT, {**contract, "version": str(version.number)})
        return Parity.from_json(json.loads((folder / PARITY).read_text(encoding="utf-8")))
