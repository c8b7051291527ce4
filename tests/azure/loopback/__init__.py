"""Azure on this machine: an HTTPS proxy that answers for Azure's hosts, behind the real Azure clients.

The clients are told of it as any client is told of a company's proxy: by HTTPS_PROXY and REQUESTS_CA_BUNDLE.
So nothing in our code or in theirs is replaced: azure-identity asks login.microsoftonline.com for a token,
azure-ai-ml calls management.azure.com, and azure-storage-blob its own host, each with the address, the TLS,
the headers and the retries that it would have in the cloud. A host that nobody answers for gets 502.

    server.py   the proxy, faults, and the log of what was asked
    entra.py    tokens (login.microsoftonline.com)
    arm.py      workspaces, datastores and data assets (management.azure.com); more resources: add a route
    assets.py   environments, code and components
    computes.py clusters
    jobs.py     pipeline jobs, and the run history of their steps (*.api.azureml.ms)
    models.py   models
    registry.py a shared registry
    blobs.py    block blobs (*.blob.core.windows.net)
    cloud.py    the four together, and the environment variables that lead a program to them

Shapes were checked against Azure/azure-rest-api-specs (specification/machinelearningservices), the examples
DataVersionBase/createOrUpdate of preview/2023-04-01-preview (which azure-ai-ml 1.35.2 asks for data),
and DataVersionBase/{get,list,createOrUpdate} and Datastore/{get,listSecrets} of stable/2025-12-01; where both
versions were found, they agree. Errors have ARM's envelope, {"error": {"code", "message"}}. What is not
published, and so a guess, is said in a comment beside it.
"""
