"""Runs model-written code where it can read nothing, reach nobody, and fake no result."""

from evalkit.scoring.sandbox.jobs import Examination, Failed, Kind, Limits, Outcome, Programs, Run, Source, Suite
from evalkit.scoring.sandbox.pool import Sandbox

__all__ = ["Examination", "Failed", "Kind", "Limits", "Outcome", "Programs", "Run", "Sandbox", "Source", "Suite"]
