"""What componentize-py looks for in this module: one class for each interface that the component exports.

The class of the `model` resource is looked for in a module named as the interface, `detector`.
"""

from wit_world import exports
from wit_world.imports.types import Manifest

# All that the guest will need must be imported while it is built, from here on: afterwards there are no files.
import detector  # noqa: F401
from judgement import SCHEMA, SUMMARY


class Detector(exports.Detector):
    def describe(self) -> Manifest:
        return Manifest(name="my-guest", version="0.1.0", summary=SUMMARY, settings_schema=SCHEMA)
