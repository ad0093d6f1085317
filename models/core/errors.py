"""The errors an operator can mend. A caller's fault is a `ValueError`.

Farm3dError
+-- MissingWeights     a folder of weights is absent, incomplete, corrupt or of another training than the rest
+-- MissingModel       no model of the category was published
+-- MissingPackage     an optional package is not installed; says the pip line
+-- NothingKept        a filter left too few images to go on
+-- TrainingDiverged   a loss term became non-finite
"""


class Farm3dError(Exception):
    """Root of the errors farm3d raises on purpose."""


class MissingWeights(Farm3dError):
    """A folder of weights is absent, incomplete or corrupt, or does not belong to the one it is used with."""


class MissingModel(Farm3dError):
    """No model of the category was published."""


class MissingPackage(Farm3dError):
    """An optional package is needed for the chosen part and is not installed."""


class NothingKept(Farm3dError):
    """Too few images survived the filters."""


class TrainingDiverged(Farm3dError):
    """A loss term became non-finite; names the term, the step and the last whole checkpoint."""
