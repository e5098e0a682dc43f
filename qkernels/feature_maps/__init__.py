"""Feature maps: the value type, and the standard maps of the literature as functions."""

from qkernels.feature_maps.feature_map import FeatureMap

__all__ = ["FeatureMap"]
