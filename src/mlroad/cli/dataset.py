"""`mlroad dataset`: the table of its commands."""

import click

from mlroad.cli.lazy import Entry, LazyGroup

VERSIONS, TABLES, CLOUD = "Versions", "Tables", "Azure ML"

COMMANDS = {
    "add": Entry("mlroad.cli.dataset_versions:add", "Create a version from a file or folder.", VERSIONS),
    "list": Entry("mlroad.cli.dataset_versions:list_datasets", "List all datasets and versions.", VERSIONS),
    "verify": Entry("mlroad.cli.dataset_versions:verify", "Check that data has not changed.", VERSIONS),
    "split": Entry("mlroad.cli.dataset_versions:split", "Split off a frozen holdout.", VERSIONS),
    "derive": Entry("mlroad.cli.dataset_versions:derive", "Create a version with a step.", VERSIONS),
    "repeat": Entry("mlroad.cli.dataset_versions:repeat", "Derive a version again, and compare.", VERSIONS),
    "lineage": Entry("mlroad.cli.dataset_versions:lineage", "Show what a version came from.", VERSIONS),
    "gc": Entry("mlroad.cli.dataset_versions:gc", "Delete data that no version names.", VERSIONS),
    "schema": Entry("mlroad.cli.dataset_tables:schema", "Write and check schemas of tables.", TABLES),
    "diff": Entry("mlroad.cli.dataset_tables:diff", "Show what differs between two versions.", TABLES),
    "overlap": Entry("mlroad.cli.dataset_tables:overlap", "Find rows that two versions share.", TABLES),
    "compatible": Entry(
        "mlroad.cli.dataset_tables:compatible", "Check that dev and prod versions fit together.", TABLES
    ),
    "register": Entry("mlroad.cli.dataset_cloud:register", "Register versions as data assets.", CLOUD),
    "fetch": Entry("mlroad.cli.dataset_cloud:fetch", "Download data that is in the cloud.", CLOUD),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def dataset() -> None:
    """Create, compare, check and register datasets.

    A dataset version never changes. Its file records what it was made from.
    """
