"""Azure on this machine: an HTTPS proxy that answers for Azure's hosts, behind the real Azure clients.

The clients find it as they would find a company's proxy: through HTTPS_PROXY and REQUESTS_CA_BUNDLE.
So nothing is mocked, in our code or in theirs: azure-identity gets its token from login.microsoftonline.com,
azure-ai-ml calls management.azure.com, and azure-storage-blob its own host, each with the URL, the TLS,
the headers and the retries that it would use in the cloud. Requests to any other host get 502.

    server.py   the proxy, faults, and the log of requests
    entra.py    tokens (login.microsoftonline.com)
    arm.py      workspaces, datastores and data assets (management.azure.com); more resources: add a route
    assets.py   environments, code and components
    computes.py clusters
    jobs.py     pipeline jobs, and the run history of their steps (*.api.azureml.ms)
    models.py   models
    registry.py a shared registry
    blobs.py    block blobs (*.blob.core.windows.net)
    cloud.py    all of these together, and the environment variables that point a program to them

Shapes were checked against Azure/azure-rest-api-specs (specification/machinelearningservices), the examples
DataVersionBase/createOrUpdate of preview/2023-04-01-preview (which azure-ai-ml 1.35.2 uses for data),
and DataVersionBase/{get,list,createOrUpdate} and Datastore/{get,listSecrets} of stable/2025-12-01; where both
versions exist, they agree. Errors have ARM's envelope, {"error": {"code", "message"}}. Where nothing is
published, a comment marks the guess.
"""
