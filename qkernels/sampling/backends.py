"""Where circuits run: the protocol of a job backend, and any `cirq.Sampler` as one.

What lives here: `Chunk`, what is sent at once; `Backend`, the four calls that a run is made of;
and `SamplerBackend`. What is bought, when, and what becomes of a call that failed is decided in
`execution`; vendors' job queues are in `google` and `ionq`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import cirq


@dataclass(frozen=True, eq=False)
class Chunk:
    """One parametrised circuit and some points of it: what is sent in one call.

    Attributes
    ----------
    circuit : cirq.FrozenCircuit
        It ends with its only measurement; every symbol stands alone, never in an expression.
    sweep : cirq.Sweep
        One assignment of all symbols for each point.
    repetitions : int
        How often each point is measured.
    """

    circuit: cirq.FrozenCircuit
    sweep: cirq.Sweep
    repetitions: int


class NotSubmitted(RuntimeError):
    """A submission that has certainly not been run, and costs nothing.

    Backends raise it, from the error that they met, when they know so: the points are then bought
    by the next run. After any other error it is unknown whether they were run.
    """


@runtime_checkable
class Backend(Protocol):
    """A queue of jobs: submit today, collect tomorrow, from another process if need be.

    Two optional attributes: `identity`, a text that tells this device from others, by which
    counts are kept apart (else the class's name), and `calibration`, a text that tells in which
    state the device is now (else none). An optional method: `forget(reference)`, called when the
    results are kept elsewhere.
    """

    def submit(self, chunk: Chunk, token: str) -> str:
        """Send a chunk, and return a reference under which its results can be fetched.

        `token` is unique to the submission: a backend that keeps it can look it up later, and may
        refuse to take the same token twice.
        """

    def status(self, reference: str) -> str:
        """Return "done", "failed" (it gave no results and never will) or "waiting".

        Raises
        ------
        LookupError
            If the backend does not know the reference.
        """

    def fetch(self, reference: str) -> Sequence[cirq.Result]:
        """Return the results of a submission that is done, one for each point, in order."""

    def lookup(self, token: str) -> str | None:
        """Return the reference of the submission with this token, None if there is none.

        None is believed if it is answered for some seconds: the points are then bought again.

        Raises
        ------
        NotImplementedError
            If the backend cannot know.
        """


class SamplerBackend:
    """Any `cirq.Sampler` as a backend: `submit` runs the chunk and waits for its results.

    Results live in this process until they are fetched, and nothing can be looked up: when a
    process is killed inside a call, nobody knows whether the chunk was run.

    Parameters
    ----------
    sampler : cirq.Sampler
    identity : str, optional
        Tells this device from others, also from this one with other settings, whose counts must
        not be taken for its own. Made of the sampler's class, processor and noise model when left
        out: name samplers of your own that have settings.

    Raises
    ------
    TypeError
        If `sampler` is not a `cirq.Sampler`, or is a `LedgeredSampler`.
    ValueError
        If its noise model cannot be told from others, so that it must be named.
    """

    def __init__(self, sampler: cirq.Sampler, *, identity: str | None = None) -> None:
        if not isinstance(sampler, cirq.Sampler):
            raise TypeError(f"sampler: expected a cirq.Sampler, got {sampler!r}")
        if getattr(sampler, "is_ledgered", False):
            raise TypeError(
                "sampler: expected one that measures anew whenever it is called, got a "
                f"{type(sampler).__name__}; give the sampler that it was made of"
            )
        self.sampler = sampler
        self.identity = _identity(sampler) if identity is None else identity
        self._results: dict[str, Sequence[cirq.Result]] = {}

    @property
    def calibration(self) -> str | None:
        """When the processor was calibrated, where the sampler has one that tells."""
        processor = getattr(self.sampler, "processor", None)
        found = getattr(processor, "get_current_calibration", lambda: None)()
        return None if found is None else str(found.timestamp)

    def submit(self, chunk: Chunk, token: str) -> str:
        """Run the chunk; return its token as the reference of the results."""
        try:
            results = self.sampler.run_sweep(chunk.circuit, chunk.sweep, chunk.repetitions)
            self._results[token] = list(results)
        except BaseException as error:
            # A simulator of this process keeps nothing and costs nothing.
            if isinstance(_innermost(self.sampler), cirq.SimulatesSamples):
                raise NotSubmitted(f"{type(error).__name__}: {error}") from error
            raise
        return token

    def status(self, reference: str) -> str:
        """Return "done"; raise LookupError for results that are not in this process."""
        if reference not in self._results:
            raise LookupError(f"the results {reference!r} were kept by a process that has ended")
        return "done"

    def fetch(self, reference: str) -> Sequence[cirq.Result]:
        """Return results.

        Raises
        ------
        LookupError
            If they were another process's, or are forgotten.
        """
        return self._results[reference]

    def lookup(self, token: str) -> str | None:
        """Return the token of results that are here.

        Raises
        ------
        NotImplementedError
            If they are not: a bare sampler cannot be asked what it has run.
        """
        if token in self._results:
            return token
        raise NotImplementedError(f"{type(self.sampler).__name__} cannot look up submissions")

    def forget(self, reference: str) -> None:
        """Let go of results."""
        self._results.pop(reference, None)


class Offline:
    """No device: counts come from the ledger alone.

    Parameters
    ----------
    identity : str
        Of the backend that measured them.
    """

    def __init__(self, identity: str) -> None:
        self.identity = identity

    def submit(self, chunk: Chunk, token: str) -> str:
        """Refuse."""
        raise NotSubmitted("there is no backend to submit to")

    def status(self, reference: str) -> str:
        """Refuse."""
        raise LookupError("there is no backend to ask")

    def fetch(self, reference: str) -> Sequence[cirq.Result]:
        """Refuse."""
        raise LookupError("there is no backend to ask")

    def lookup(self, token: str) -> str | None:
        """Refuse."""
        raise NotImplementedError("there is no backend to ask")


def as_backend(backend: Any) -> Backend:
    """Return a backend, wrapping a `cirq.Sampler`.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(backend, cirq.Sampler):
        return SamplerBackend(backend)
    if isinstance(backend, type) or not isinstance(backend, Backend):
        raise TypeError(
            "backend: expected None, a cirq.Sampler, or an object with the methods submit, status, "
            f"fetch and lookup, got {backend!r}"
        )
    return backend


def identity_of(backend: Backend) -> str:
    """Return the text by which a backend's counts are kept apart from others'."""
    return str(getattr(backend, "identity", type(backend).__name__))


def _identity(sampler: cirq.Sampler) -> str:
    """Return a text that is the same in every process, and differs for another device or noise."""
    parts = [type(sampler).__name__]
    processor = getattr(sampler, "processor", None)
    if processor is not None:
        project = getattr(getattr(processor, "engine", lambda: None)(), "project_id", None)
        parts += [type(processor).__name__, str(project), str(processor.processor_id)]
    # Samplers of vendors: which target, which configuration of the device.
    names = ("_target", "snapshot_id", "run_name", "device_config_name")
    parts += [str(getattr(sampler, name)) for name in names if getattr(sampler, name, None)]
    noise = getattr(_innermost(sampler), "noise", None)
    if noise is not None and noise != cirq.NO_NOISE:
        parts.append(_noise_identity(noise, is_named=processor is not None))
    return "-".join(parts)


def _innermost(sampler: cirq.Sampler) -> cirq.Sampler:
    """Return what runs the circuits that a sampler passes on, such as a virtual processor."""
    inner: Any = getattr(sampler, "processor", sampler)
    while isinstance(getattr(inner, "_sampler", None), cirq.Sampler):
        inner = inner._sampler
    return inner


def _noise_identity(noise: cirq.NoiseModel, *, is_named: bool) -> str:
    """Return a hash of a noise model, or its class where a processor's name tells the rest."""
    try:
        return hashlib.sha256(cirq.to_json(noise).encode()).hexdigest()[:12]
    except (TypeError, ValueError) as error:
        if is_named:
            return type(noise).__name__
        raise ValueError(
            "expected a noise model that Cirq can write as JSON, by which counts are told from "
            f"those with other noise; got {noise!r}: name the sampler with "
            "SamplerBackend(sampler, identity=...)"
        ) from error
