"""What componentize-py looks for in this module: one class for each interface that the component exports.

The class of the `policy` resource is looked for in a module named as the interface, `remediation`.
"""

from wit_world import exports
from wit_world.imports.types import Manifest

# All that the guest will need must be imported while it is built, from here on: afterwards there are no files.
import remediation  # noqa: F401
from choice import SCHEMA, SUMMARY


class Remediation(exports.Remediation):
    def describe(self) -> Manifest:
        return Manifest(name="my-guest", version="0.1.0", summary=SUMMARY, settings_schema=SCHEMA)
