"""The code that runs the stages and sends their results to MLflow: `python -m pipeline.flow run`."""

from pipeline.warning_filters import drop_error_filters
from stages.common.environment import explain_missing_environment

explain_missing_environment()
drop_error_filters()
