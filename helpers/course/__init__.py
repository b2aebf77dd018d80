"""For authors, instructors and CI: build, check and run the notebooks (the command `course`)."""

from pathlib import Path

# The project is installed in place (`pip install -e .`): its folders are where they are in the checkout.
ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
