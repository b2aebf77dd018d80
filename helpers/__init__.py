"""What a notebook imports: `from helpers import load_dataset, claim, ...`."""

import os
from importlib import import_module

# TensorFlow reads these once, at its first import; unset, every notebook that
# imports keras opens with lines of start-up noise.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

# Looked up on first use, so that `import helpers` stays instant although pandas,
# scikit-learn and matplotlib stand behind it.
_HOME = {
    "check_environment": "environment",
    "language_switch": "language",
    "show_text": "language",
    "load_dataset": "data",
    "random_split": "data",
    "group_split": "data",
    "standardize": "data",
    "read_table": "tables",
    "check_table": "tables",
    "claim": "claims",
    "plot_learning_curves": "plotting",
    "plot_results": "plotting",
    "show_figure": "plotting",
    "show_frames": "plotting",
    "draw_network": "plotting",
    "look": "exercises",
    "progress": "exercises",
    "reset_progress": "exercises",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'helpers' has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(import_module(f"helpers.{_HOME[name]}"), name)


def __dir__():
    return __all__
