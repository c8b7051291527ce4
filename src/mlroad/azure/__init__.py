"""Azure ML: workspace, storage, data assets, jobs and deliveries."""
