"""Why does the feedback work, or not: numbers of a training, which they leave as it is, to the bit."""

from dcac_fastreid.telemetry.condition_value import condition_values, pair_conditions
from dcac_fastreid.telemetry.step import StepTelemetry
from dcac_fastreid.telemetry.verdict import FeedbackVerdict

__all__ = ["FeedbackVerdict", "StepTelemetry", "condition_values", "pair_conditions"]
