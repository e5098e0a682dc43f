"""PyTorch: quantum networks as layers of a model, kernel matrices as differentiable functions.

What lives here: `QuantumLayer`, a network of `qkernels.qnn` as a `torch.nn.Module`, and `gram`, a
kernel matrix of tensors. Both only carry values and gradients across: the numbers are computed in
float64 on the CPU by networks and kernels, which know nothing of PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.gaussian_process.kernels import Kernel

from qkernels.kernels import KernelGradient, value_and_vjp
from qkernels.qnn import Network

try:
    import torch
except ModuleNotFoundError as error:
    raise ImportError('qkernels.torch needs torch: pip install "qkernels[torch]"') from error

__all__ = ["QuantumLayer", "gram"]


class QuantumLayer(torch.nn.Module):
    """A quantum network as a layer of a PyTorch model.

    Gradients are exact where the network's are: one reverse sweep gives those by the data and by
    all weights. There are no second derivatives.

    Parameters
    ----------
    network : ExpectationNetwork or ProbabilityNetwork
        A network of `qkernels.qnn`; it holds no weights of its own.
    weights : array-like or Tensor of shape (n_weights,), default=None
        The weights to start from. A tensor or array of floating-point numbers keeps its dtype;
        None are the network's initial weights, in PyTorch's default dtype.
    random_state : int, RandomState instance or None, default=None
        Of the network's initial weights.

    Attributes
    ----------
    network : ExpectationNetwork or ProbabilityNetwork
    weights : torch.nn.Parameter of shape (n_weights,)
        Trained by an optimizer, cast by `to`, `float` and `double`, kept in the `state_dict`.

    Raises
    ------
    TypeError
        If the network is none, or the weights are not real numbers.
    ValueError
        If the weights are not `n_weights` finite numbers.

    Examples
    --------
    >>> import torch
    >>> import qkernels as qk
    >>> network = qk.qnn.ExpectationNetwork(qk.feature_maps.zz(2), qk.ansatze.hardware_efficient)
    >>> model = torch.nn.Sequential(
    ...     torch.nn.Linear(5, 2), QuantumLayer(network, random_state=0), torch.nn.Linear(2, 1)
    ... )
    >>> model(torch.zeros(7, 5)).shape
    torch.Size([7, 1])
    """

    def __init__(self, network: Network, weights: Any = None, *, random_state: Any = None) -> None:
        super().__init__()
        if not isinstance(network, Network):
            raise TypeError(
                "network: expected a network of qkernels.qnn, such as ExpectationNetwork("
                f"feature_map), got {network!r}"
            )
        self.network = network
        if weights is None:
            start = torch.tensor(network.initial_weights(random_state))
            start = start.to(torch.get_default_dtype())
        else:
            start = _checked_weights(weights, network.n_weights)
        self.weights = torch.nn.Parameter(start)

    @torch.compiler.disable
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the network's outputs.

        Parameters
        ----------
        x : Tensor of shape (..., n_features)
            Of any floating-point dtype, on any device.

        Returns
        -------
        Tensor of shape (..., n_outputs)
            With the dtype and on the device of x.

        Raises
        ------
        TypeError
            If x is not a tensor of floating-point numbers.
        ValueError
            If x has another number of features, or x or the weights are not finite.
        """
        _check_tensor(x, "x")
        _check_tensor(self.weights, "weights")
        n_features = self.network.n_features
        if x.shape[-1:] != (n_features,):
            raise ValueError(
                f"x: expected shape (..., {n_features}), one column for each feature, got "
                f"{tuple(x.shape)}"
            )
        points = x.reshape(x.shape[:-1].numel(), n_features)
        outputs = _Outputs.apply(self.network, points, self.weights)
        return outputs.reshape(*x.shape[:-1], self.network.n_outputs)

    def extra_repr(self) -> str:
        """Return the network with its sizes, for printing."""
        return repr(self.network)


@torch.compiler.disable
def gram(
    kernel: Kernel, X: torch.Tensor, Y: torch.Tensor | None = None, **hyperparameters: Any
) -> torch.Tensor:
    """Return a kernel matrix that can be differentiated by points and hyperparameters.

    One reverse sweep gives the gradients by all of them, in a few times the memory of the matrix.
    There are no second derivatives. Where nothing asks for a gradient, or under
    `torch.no_grad()`, the kernel is just called, so that any evaluator will do.

    Parameters
    ----------
    kernel : Kernel
        A `FidelityKernel`, a `ProjectedKernel`, or whatever else `qkernels.value_and_vjp`
        takes: sums, products and powers of quantum kernels and some of scikit-learn's.
    X : Tensor of shape (n_points_X, n_features)
    Y : Tensor of shape (n_points_Y, n_features), default=None
        None, or X itself, is the symmetric case k(X, X).
    **hyperparameters : Tensor
        Values that take the place of the kernel's own, by their names in `kernel.hyperparameters`:
        `parameters` of shape (n_parameters,), `bandwidth` of shape () or (n_features,), `gamma`
        of shape (), and for instance `k1__constant_value` of a product. The gradient is by the
        value, not by its logarithm as in `kernel.theta`. None leaves the kernel's own.

    Returns
    -------
    Tensor of shape (n_points_X, n_points_Y)
        With the dtype and on the device of X. A Cholesky factorisation wants float64.

    Raises
    ------
    TypeError
        If the kernel is none, or anything else is not a tensor of floating-point numbers.
    ValueError
        If the kernel has no such hyperparameter, a value is out of its range, or points are not
        finite or of the wrong shape.
    NotImplementedError
        If a gradient is asked for and the kernel or its evaluator has none.

    Notes
    -----
    In GPyTorch, which is no dependency of this package, a kernel is a module::

        class QuantumKernel(gpytorch.kernels.Kernel):
            def __init__(self, kernel, angles):
                super().__init__()
                self.kernel = kernel
                self.angles = torch.nn.Parameter(angles)

            def forward(self, x1, x2, diag=False, **options):
                Y = None if torch.equal(x1, x2) else x2
                K = gram(self.kernel, x1, Y, parameters=self.angles)
                return K.diagonal() if diag else K

    Examples
    --------
    >>> import torch
    >>> import qkernels as qk
    >>> kernel = qk.ProjectedKernel(qk.feature_maps.zz)
    >>> X = torch.tensor([[0.1, 0.2], [0.7, 0.4], [0.3, 0.9]], dtype=torch.float64)
    >>> gamma = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    >>> K = gram(kernel, X, gamma=gamma)
    >>> torch.logdet(K + 0.1 * torch.eye(3)).backward()
    >>> bool(gamma.grad > 0)
    True
    """
    given = {name: value for name, value in hyperparameters.items() if value is not None}
    _check_kernel(kernel, given)
    points = {"X": X} if Y is None or Y is X else {"X": X, "Y": Y}
    for name, tensor in (points | given).items():
        _check_tensor(tensor, name)
    tensors = [*points.values(), *given.values()]
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        return _Gram.apply(kernel, (*points, *given), *tensors)
    arrays = map(_array, points.values())
    return _tensor(_replaced(kernel, given)(*arrays), X)


class _Outputs(torch.autograd.Function):
    """The outputs of a network at points of shape (n_points, n_features)."""

    @staticmethod
    def forward(ctx: Any, network: Network, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        ctx.network = network
        ctx.save_for_backward(x, weights)
        if not len(x):
            return x.new_empty(0, network.n_outputs)
        return _tensor(network.forward(_array(x), _array(weights)), x)

    @staticmethod
    def backward(ctx: Any, cotangent: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        wrt_inputs = ctx.needs_input_grad[1]

        def pull_back(
            cotangent: torch.Tensor, x: torch.Tensor, weights: torch.Tensor
        ) -> tuple[torch.Tensor | None, torch.Tensor]:
            if not len(x):
                return torch.zeros_like(x), torch.zeros_like(weights)
            arrays = map(_array, (x, weights, cotangent))
            found = ctx.network.backward(*arrays, wrt_inputs=wrt_inputs)
            return _tensor(found.X, x) if wrt_inputs else None, _tensor(found.weights, weights)

        return None, *_FirstDerivative.apply(pull_back, cotangent, *ctx.saved_tensors)


class _Gram(torch.autograd.Function):
    """A kernel matrix; `names` say which tensors are X, Y, or hyperparameters."""

    @staticmethod
    def forward(
        ctx: Any, kernel: Kernel, names: tuple[str, ...], *tensors: torch.Tensor
    ) -> torch.Tensor:
        given = dict(zip(names, tensors, strict=True))
        points = [_array(given.pop(name)) for name in ("X", "Y") if name in given]
        K, ctx.vjp = value_and_vjp(_replaced(kernel, given), *points)
        ctx.names = names
        ctx.save_for_backward(*tensors)
        return _tensor(K, tensors[0])

    @staticmethod
    def backward(ctx: Any, cotangent: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        needed = ctx.needs_input_grad[2:]

        def pull_back(
            cotangent: torch.Tensor, *tensors: torch.Tensor
        ) -> tuple[torch.Tensor | None, ...]:
            found = ctx.vjp(_array(cotangent))
            return tuple(
                _tensor(_part(found, name), like) if is_needed else None
                for name, like, is_needed in zip(ctx.names, tensors, needed, strict=True)
            )

        return None, None, *_FirstDerivative.apply(pull_back, cotangent, *ctx.saved_tensors)


class _FirstDerivative(torch.autograd.Function):
    """Gradients that know what they depend on, so that no second derivative is silently zero.

    PyTorch's `once_differentiable` lets those pass whose cotangent is a constant.
    """

    @staticmethod
    def forward(
        ctx: Any, pull_back: Callable[..., tuple[Any, ...]], *sources: torch.Tensor
    ) -> tuple[Any, ...]:
        cotangent, *tensors = sources
        # Who scales losses looks for overflows in gradients, and takes no step then.
        if not torch.isfinite(cotangent).all():
            return tuple(torch.full_like(tensor, torch.nan) for tensor in tensors)
        return pull_back(*sources)

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
        raise NotImplementedError(
            "second derivatives of quantum layers and kernel matrices: expected first derivatives "
            "only, got a gradient of a gradient"
        )


def _part(found: KernelGradient, name: str) -> Any:
    # The points' gradient is computed when it is asked for.
    return getattr(found, name) if name in ("X", "Y") else found.hyperparameters[name]


def _replaced(kernel: Kernel, given: Mapping[str, torch.Tensor]) -> Kernel:
    """Return the kernel with values in place of its own; itself if there are none."""
    values = {name: _array(tensor) for name, tensor in given.items()}
    if not values:
        return kernel
    numbers = {name: v if v.ndim else v.item() for name, v in values.items()}
    return clone(kernel).set_params(**numbers)


def _array(tensor: torch.Tensor) -> np.ndarray:
    """Return a copy in float64, which no step of an optimizer changes under a cache's feet."""
    # The device first: not all devices have float64.
    return np.array(tensor.cpu().double().numpy(force=True))


def _tensor(array: Any, like: torch.Tensor) -> torch.Tensor:
    """Return a tensor of the dtype and on the device of another."""
    return torch.from_numpy(array).to(like.dtype).to(like.device)


def _checked_weights(weights: Any, n_weights: int) -> torch.Tensor:
    tensor = torch.as_tensor(weights).detach().clone()
    if not tensor.dtype.is_complex and not tensor.is_floating_point():
        tensor = tensor.to(torch.get_default_dtype())
    _check_tensor(tensor, "weights")
    if tensor.shape != (n_weights,):
        raise ValueError(
            f"weights: expected {n_weights} numbers, one for each weight of the network, got "
            f"shape {tuple(tensor.shape)}"
        )
    return tensor


def _check_kernel(kernel: Any, given: Mapping[str, Any]) -> None:
    if not isinstance(kernel, Kernel):
        raise TypeError(
            "kernel: expected a kernel such as qkernels.FidelityKernel(feature_map), got "
            f"{kernel!r}"
        )
    names = [h.name for h in kernel.hyperparameters] if given else []
    for name in given:
        if name not in names:
            raise ValueError(
                f"hyperparameters: expected some of {', '.join(names)} of "
                f"{type(kernel).__name__}, got {name}"
            )


def _check_tensor(value: Any, name: str) -> None:
    expected = f"{name}: expected a tensor of floating-point numbers, got"
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{expected} {type(value).__name__}")
    if not value.is_floating_point():
        raise TypeError(f"{expected} {value.dtype}")
    n_wrong = int((~torch.isfinite(value)).sum())
    if n_wrong:
        raise ValueError(
            f"{name}: expected finite numbers, got {n_wrong} of {value.numel()} that are nan or "
            "infinite"
        )
