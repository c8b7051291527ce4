"""Azure ML: the same pipeline.yml trained there, and the workspace's models as the registry.

    train.py        `factory train --target azureml`, from the model folder to the candidate
    job.py          the job: the pipeline with the data of a stage, and where its outputs go
    environment.py  environments, named by their content
    compute.py      the cluster that factory.yml names
    follow.py       what happens to a job, told as it happens; and cancelling it
    record.py       run.json of a run that was made there
    registry.py     models with lineage and aliases
    registry_files.py   their files, up and down

Nothing here is imported before a command needs Azure, and azure-ai-ml only inside functions.
"""
