"""evalkit: check whether a reasoning model is on par with published o1 and DeepSeek R1 results."""

__version__ = "0.1.0"
