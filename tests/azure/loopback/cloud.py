"""All of Azure that the tests need, and the environment variables that point a program to it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.azure.loopback import arm, assets, blobs, computes, entra, jobs, models, registry
from tests.azure.loopback.server import Loopback, Response, Service

ACCOUNT = "mlstore"
CONTAINER = "azureml-blobstore"
SNAPSHOTS = "snapshots"
"""The container that code is uploaded to."""
LOGS = "azureml-logs"
SAS = "sv=2022-11-02&sig=made-up"


class Cloud:
    """Entra, the resource manager and storage behind one proxy."""

    def __init__(self, folder: Path) -> None:
        self.entra = entra.Entra()
        self.arm = arm.Arm(self.entra)
        self.blobs = blobs.Blobs(self.entra, SAS)
        self.arm.datastores["workspaceblobstore"] = arm.Datastore("workspaceblobstore", ACCOUNT, CONTAINER)
        self.computes = computes.Computes(self.arm)
        self.models = models.Models(self.arm)
        self.shared = registry.SharedRegistry(self.entra, self.models)
        self.environments = assets.Assets(self.arm, "environments")
        self.components = assets.Assets(self.arm, "components")
        storage = f"https://{ACCOUNT}.blob.core.windows.net"
        self.codes = assets.Codes(self.arm, "codes", uri=f"{storage}/{SNAPSHOTS}", sas=SAS)
        self.jobs = jobs.Jobs(
            self.arm, self.entra, self.blobs, self.environments, self.components, self.computes
        )
        history = jobs.History(self.jobs, logs=f"{storage}/{LOGS}/{{}}.txt?{SAS}")
        services: dict[str, Service] = {
            re.escape(entra.HOST): self.entra,
            re.escape(arm.HOST): self.arm,
            blobs.HOSTS: self.blobs,
            re.escape(arm.DATAPLANE): history,
            re.escape(registry.HOST): self.shared,
            # azure-ai-ml requests a schema of MLTable files, and continues without it if there is none.
            r"azuremlschemasprod\.azureedge\.net": lambda _: Response(404),
        }
        wild = ["*.api.azureml.ms", "*.blob.core.windows.net", "*.azureedge.net"]
        hosts = [entra.HOST, arm.HOST, *wild]
        self.proxy = Loopback(folder, services, hosts)

    def environment(self) -> dict[str, str]:
        """The variables that a program needs to reach this cloud and sign in as its service principal."""
        return {
            **self.network(),
            "AZURE_TENANT_ID": entra.TENANT,
            "AZURE_CLIENT_ID": entra.CLIENT,
            "AZURE_CLIENT_SECRET": self.entra.secret,
            **self.workspace(),
        }

    def network(self) -> dict[str, str]:
        """The proxy's URL, and the certificate authority to trust."""
        proxy = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), self.proxy.address)
        return {**proxy, "NO_PROXY": "", "no_proxy": "", "REQUESTS_CA_BUNDLE": str(self.proxy.authority)}

    def workspace(self) -> dict[str, str]:
        """The workspace, as the variables that a CI job sets."""
        return {
            "AZURE_SUBSCRIPTION_ID": arm.SUBSCRIPTION,
            "AZURE_RESOURCE_GROUP": arm.GROUP,
            "AZURE_ML_WORKSPACE": arm.WORKSPACE,
        }

    def close(self) -> None:
        self.proxy.close()
