"""Names from other packages are answered with ours, which exist."""

import re

import pytest

import qkernels
from qkernels.migration import _OURS, our_name_for


@pytest.mark.parametrize("name", _OURS)
def test_the_message_gives_the_name_back(name):
    assert our_name_for(name).startswith(f"qkernels has no {name!r}: use ")


@pytest.mark.parametrize("name", _OURS)
def test_our_names_exist(name):
    for path in re.findall(r"qkernels((?:\.\w+)+)", our_name_for(name)):
        value = qkernels
        for attribute in path.strip(".").split("."):
            value = getattr(value, attribute)


@pytest.mark.parametrize("name", _OURS)
def test_names_of_others_are_not_ours(name):
    with pytest.raises(AttributeError, match=f"^qkernels has no '{name}': use "):
        getattr(qkernels, name)


@pytest.mark.parametrize("name", ["nonsense", "__wrapped__"])
def test_unknown_names_are_an_ordinary_attribute_error(name):
    with pytest.raises(AttributeError, match=f"^module 'qkernels' has no attribute '{name}'$"):
        getattr(qkernels, name)


def test_asking_is_allowed():
    assert not hasattr(qkernels, "QSVC")
    assert getattr(qkernels, "QSVC", None) is None


def test_all_names_exist():
    assert all(hasattr(qkernels, name) for name in qkernels.__all__)


def test_the_numbers_that_differ_are_named():
    assert "gamma twice theirs" in our_name_for("ProjectedQuantumKernel")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("QuantumKernelTrainer", "qkernels.KernelTrainer"),
        ("TrainableFidelityQuantumKernel", "parameter_bounds=..."),
        ("SVCLoss", "qkernels.losses.SVMDual"),
        ("target_alignment", "qkernels.alignment.target_alignment"),
        ("KernelOptimizer", "qkernels.KernelTrainer"),
        ("TargetAlignment", "qkernels.losses.TargetAlignment"),
        ("NLL", "qkernels.losses.LogMarginalLikelihood"),
        ("SPSAOptimizer", "qkernels.SPSA"),
        ("COBYLA", "which needs no gradient"),
    ],
)
def test_names_of_training(name, ours):
    assert ours in our_name_for(name)


@pytest.mark.parametrize("name", _OURS)
def test_optimizers_that_are_named_exist(name):
    for optimizer in re.findall(r'optimizer="([^"]+)"', our_name_for(name)):
        trainer = qkernels.KernelTrainer(
            qkernels.FidelityKernel(qkernels.feature_maps.zz, bandwidth_bounds=(0.1, 1.0)),
            optimizer=optimizer,
            max_iter=1,
        )
        assert trainer.fit([[0.1, 0.2], [0.7, 0.4]], [0, 1]).n_iter_ <= 1
