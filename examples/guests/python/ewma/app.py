"""What componentize-py looks for in this module: one class for each interface that the component exports.

The class of the `model` resource is looked for in a module named as the interface, `detector`.
"""

from wit_world import exports
from wit_world.imports.types import Manifest

# Imported here so that it is in the component: componentize-py runs this module once, while it builds, and keeps what
# is in memory afterwards.
import detector  # noqa: F401
from ewma import NAME, SUMMARY, VERSION
from settings import SCHEMA


class Detector(exports.Detector):
    def describe(self) -> Manifest:
        return Manifest(NAME, VERSION, SUMMARY, SCHEMA)
