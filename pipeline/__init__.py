"""The code that runs the stages and sends their results to MLflow: `python -m pipeline.flow run`."""

from stages.common.environment import explain_missing_environment

explain_missing_environment()
