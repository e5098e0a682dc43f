"""What users of other packages type, and what it is called here."""

from __future__ import annotations

_KERNEL = "qkernels.FidelityKernel(feature_map), called as kernel(X) or kernel(X, Y)"
_ESTIMATOR = "scikit-learn's {0} with kernel=qkernels.FidelityKernel(feature_map)"
_TRAINABLE = "qkernels.FidelityKernel(feature_map, parameters=..., parameter_bounds=...)"
_TRAINER = "qkernels.KernelTrainer(kernel, loss=..., optimizer=...)"
_OPTIMIZER = "qkernels.KernelTrainer(kernel, optimizer={0})"
_TWO_LOCAL = "qkernels.ansatze.two_local, or qkernels.interop.from_qiskit(circuit, features)"
# The module is imported by itself, where there is torch.
_LAYER = 'QuantumLayer and gram of our module torch, as in "from qkernels import torch"'
_OURS = {
    # Qiskit Machine Learning
    "FidelityQuantumKernel": "qkernels.FidelityKernel",
    "FidelityStatevectorKernel": "qkernels.FidelityKernel, which is exact and batched",
    "TrainableFidelityQuantumKernel": _TRAINABLE,
    "TrainableFidelityStatevectorKernel": _TRAINABLE,
    "TrainableKernel": _TRAINABLE,
    "QuantumKernelTrainer": _TRAINER,
    "SVCLoss": "qkernels.losses.SVMDual",
    "KernelLoss": "qkernels.losses.Loss, any function of K and y with its derivative by K",
    "ADAM": "qkernels.Adam",
    "L_BFGS_B": _OPTIMIZER.format('"L-BFGS-B"'),
    "SLSQP": _OPTIMIZER.format('"SLSQP"'),
    "COBYLA": _OPTIMIZER.format('"L-BFGS-B"') + ", or qkernels.SPSA, which needs no gradient",
    "BaseKernel": "qkernels.QuantumKernel",
    "QSVC": _ESTIMATOR.format("SVC"),
    "QSVR": _ESTIMATOR.format("SVR"),
    "PegasosQSVC": _ESTIMATOR.format("SVC"),
    "ZFeatureMap": "qkernels.feature_maps.z",
    "z_feature_map": "qkernels.feature_maps.z",
    "ZZFeatureMap": "qkernels.feature_maps.zz",
    "zz_feature_map": "qkernels.feature_maps.zz",
    "PauliFeatureMap": "qkernels.feature_maps.pauli",
    "pauli_feature_map": "qkernels.feature_maps.pauli",
    "EstimatorQNN": "qkernels.qnn.ExpectationNetwork",
    "SamplerQNN": "qkernels.qnn.ProbabilityNetwork",
    "NeuralNetworkClassifier": "qkernels.VariationalClassifier",
    "NeuralNetworkRegressor": "qkernels.VariationalRegressor",
    "VQC": "qkernels.VariationalClassifier",
    "VQR": "qkernels.VariationalRegressor",
    "TorchConnector": _LAYER,
    "RealAmplitudes": _TWO_LOCAL,
    "real_amplitudes": _TWO_LOCAL,
    "EfficientSU2": _TWO_LOCAL,
    "efficient_su2": _TWO_LOCAL,
    "TwoLocal": _TWO_LOCAL,
    "n_local": _TWO_LOCAL,
    "evaluate": "kernel(X, Y)",
    "ComputeUncompute": 'qkernels.SamplerEvaluator(sampler, estimator="inversion")',
    # PennyLane
    "square_kernel_matrix": _KERNEL,
    "kernel_matrix": _KERNEL,
    "target_alignment": "qkernels.alignment.target_alignment(kernel(X), y)",
    "threshold_matrix": "qkernels.psd.clip",
    "displace_matrix": "qkernels.psd.shift",
    "flip_matrix": "qkernels.psd.flip",
    "closest_psd_matrix": "qkernels.psd.nearest_correlation",
    "mitigate_depolarizing_noise": "qkernels.hardware.Depolarizing(method)",
    "AdamOptimizer": "qkernels.Adam",
    "SPSAOptimizer": "qkernels.SPSA",
    "AngleEmbedding": "qkernels.feature_maps.angle",
    "IQPEmbedding": "qkernels.feature_maps.iqp",
    "AmplitudeEmbedding": "qkernels.feature_maps.amplitude",
    "StronglyEntanglingLayers": "qkernels.ansatze.strongly_entangling",
    "TorchLayer": _LAYER,
    # sQUlearn
    "FidelityKernelPQC": "qkernels.FidelityKernel",
    "ProjectedQuantumKernel": "qkernels.ProjectedKernel, with gamma twice theirs",
    "KernelOptimizer": _TRAINER,
    "TargetAlignment": "qkernels.losses.TargetAlignment",
    "NLL": "qkernels.losses.LogMarginalLikelihood",
    "YZ_CX_EncodingCircuit": "qkernels.feature_maps.yz_cx",
    "HubregtsenEncodingCircuit": "qkernels.feature_maps.hubregtsen",
    "HighDimEncodingCircuit": "qkernels.feature_maps.high_dimensional",
    "ChebyshevTower": "qkernels.feature_maps.chebyshev",
    "ChebyshevPQC": "qkernels.feature_maps.chebyshev",
    "QNNClassifier": "qkernels.VariationalClassifier",
    "QNNRegressor": "qkernels.VariationalRegressor",
    "QKRR": _ESTIMATOR.format("KernelRidge"),
    "QGPC": _ESTIMATOR.format("GaussianProcessClassifier"),
    "QGPR": _ESTIMATOR.format("GaussianProcessRegressor"),
    # Names that are ours, but not at the top
    "ExpectationNetwork": "qkernels.qnn.ExpectationNetwork",
    "ProbabilityNetwork": "qkernels.qnn.ProbabilityNetwork",
    "QuantumLayer": _LAYER,
    "from_qiskit": "qkernels.interop.from_qiskit",
    "from_qasm": "qkernels.interop.from_qasm",
    "from_pennylane": "qkernels.interop.from_pennylane",
    "Ledger": "qkernels.hardware.Ledger",
    "LedgeredSampler": "qkernels.hardware.LedgeredSampler",
    "Budget": "qkernels.hardware.Budget",
    "Target": "qkernels.hardware.Target",
    "PSDRepair": "qkernels.psd.PSDRepair",
    "centered_alignment": "qkernels.alignment.centered_alignment(kernel(X), y)",
    "CenteredAlignment": "qkernels.losses.CenteredAlignment",
    "SVMDual": "qkernels.losses.SVMDual",
    "LogMarginalLikelihood": "qkernels.losses.LogMarginalLikelihood",
    "RidgeLeaveOneOut": "qkernels.losses.RidgeLeaveOneOut",
    # Microsoft's Q# library
    "SequentialModel": "qkernels.CircuitCentricClassifier",
    # Cirq and scikit-learn habits
    "Circuit": "cirq.Circuit, wrapped by qkernels.FeatureMap(circuit, features)",
    "QuantumCircuit": "qkernels.interop.from_qiskit(circuit, features)",
}


def our_name_for(name: str) -> str:
    """Return the message of an AttributeError for a name that the package does not have.

    Examples
    --------
    >>> print(our_name_for("QSVC"))
    qkernels has no 'QSVC': use scikit-learn's SVC with
    kernel=qkernels.FidelityKernel(feature_map)
    >>> print(our_name_for("nonsense"))
    module 'qkernels' has no attribute 'nonsense'
    """
    if name in _OURS:
        return f"qkernels has no {name!r}: use {_OURS[name]}"
    return f"module 'qkernels' has no attribute {name!r}"
