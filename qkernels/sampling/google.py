"""Google's Quantum Engine as a backend: submit today, collect tomorrow by reference.

What lives here: `GoogleBackend`, over a processor of `cirq_google` (`pip install
"qkernels[google]"`). Both ids that the Engine keeps, of the program and of its job, are made of
the submission's token, so that a submission can be found again by asking for it.

The Engine's own `run_sweep` streams: it returns before the service has taken the job, and a
process that ends then takes the job with it. So a program and its job are created by two calls
that return when the service has them. A program costs nothing: only the second call buys.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

import cirq

from qkernels.sampling.backends import Chunk, NotSubmitted

_CONFLICT, _NOT_FOUND = 409, 404
# A request that timed out or was cut off on the way may have been taken all the same.
_UNDECIDED = (408, 499)


class GoogleBackend:
    """A processor of Google's Quantum Engine, real or simulated.

    The Engine rounds the values of a sweep to single precision: results come without parameters,
    in the order of the points.

    A simulated processor keeps its jobs in this process only. It runs a job when its results are
    fetched, and again when they are fetched again.

    Parameters
    ----------
    processor : cirq_google.engine.AbstractProcessor or cirq_google.ProcessorSampler
        As `engine.get_processor(processor_id)` gives it; or a sampler of it, which carries the
        device configuration to run with. Without one, the processor's default.
    identity : str, optional
        Tells this device from others; "google:project/processor" when left out. Simulated
        processors of one name need their own, if their noise differs.

    Raises
    ------
    ImportError
        If `cirq_google` is not installed.
    TypeError
        If `processor` is neither.

    Examples
    --------
    A processor of the cloud, by its name::

        engine = cirq_google.Engine(project_id="my-project")
        backend = GoogleBackend(engine.get_processor("willow_pink"))
        reference = backend.submit(chunk, token)

    and tomorrow, in another process::

        if backend.status(reference) == "done":
            results = backend.fetch(reference)

    The same offline, with the noise of that processor::

        engine = cirq_google.engine.create_default_noisy_quantum_virtual_machine("willow_pink")
        backend = GoogleBackend(engine.get_processor("willow_pink"))
    """

    def __init__(self, processor: Any, *, identity: str | None = None) -> None:
        engine = _library("engine")
        self.processor = getattr(processor, "processor", processor)
        if not isinstance(self.processor, engine.AbstractProcessor):
            raise TypeError(
                "processor: expected a cirq_google processor or a sampler of one, "
                f"got {processor!r}"
            )
        if isinstance(processor, engine.ProcessorSampler):
            self._sampler = processor
        name = f"google:{self.processor.project_id}/{self.processor.processor_id}"
        self.identity = name if identity is None else identity

    @property
    def calibration(self) -> str | None:
        """Time of the processor's current calibration, None if it has none."""
        calibration = self.processor.get_current_calibration()
        if calibration is None:
            return None
        return datetime.fromtimestamp(calibration.timestamp / 1000, UTC).isoformat()

    def submit(self, chunk: Chunk, token: str) -> str:
        """Send a chunk, and return the id of its program and job.

        Raises
        ------
        NotSubmitted
            If the chunk exceeds what the Engine takes (5 000 000 repetitions in total, programs
            of 10 MB, 10 000 moments), cannot be written in its format, or was refused.
        """
        reference = _reference(token)
        try:
            sweep = _checked_sweep(chunk)
            _check_limits(chunk)
            run = self._create_program(chunk.circuit, reference)
        except Exception as error:
            raise NotSubmitted(f"{type(error).__name__}: {error}") from error
        try:
            run(job_id=reference, params=sweep, repetitions=chunk.repetitions)
        except Exception as error:
            # The library repeats requests: this one may be refused because an earlier got through.
            if not _is_refusal(error):
                raise
            if self.lookup(token) is None:
                raise NotSubmitted(f"{type(error).__name__}: {error}") from error
        return reference

    def status(self, reference: str) -> str:
        """Return "done", "failed" or "waiting".

        Raises
        ------
        LookupError
            If a simulated processor has no such job: it was another process's. Of a real one,
            the Engine's own error tells.
        """
        state = self._job(reference).execution_status().name
        if state == "SUCCESS" or (state == "READY" and self._is_simulated):
            return "done"
        return "failed" if state in ("FAILURE", "CANCELLED") else "waiting"

    def fetch(self, reference: str) -> Sequence[cirq.Result]:
        """Return the results of a job that is done, one for each point, in order."""
        results = self._job(reference).results()
        return [cirq.ResultDict(records=result.records) for result in results]

    def lookup(self, token: str) -> str | None:
        """Return the id of the job with this token, None if the Engine has none."""
        reference = _reference(token)
        try:
            self._job(reference).execution_status()
        except Exception as error:
            missing = isinstance(error, KeyError) and self._is_simulated
            if missing or getattr(error, "code", None) == _NOT_FOUND:
                return None
            raise
        return reference

    @cached_property
    def _sampler(self) -> Any:
        return self.processor.get_sampler()

    @property
    def _is_simulated(self) -> bool:
        return not hasattr(self.processor.engine(), "create_program")

    def _create_program(self, circuit: cirq.FrozenCircuit, reference: str) -> Callable[..., Any]:
        configuration = {
            "run_name": self._sampler.run_name,
            "snapshot_id": self._sampler.snapshot_id,
            "device_config_name": self._sampler.device_config_name,
        }
        if self._is_simulated:
            run = partial(self.processor.run_sweep, circuit, program_id=reference)
        else:
            program = _new_or_known_program(self.processor.engine(), circuit, reference)
            run = partial(program.run_sweep, self.processor.processor_id)
        return partial(run, **configuration)

    def _job(self, reference: str) -> Any:
        return self.processor.engine().get_program(reference).get_job(reference)


def _library(module: str) -> Any:
    try:
        return importlib.import_module(f"cirq_google.{module}")
    except ModuleNotFoundError as error:
        message = 'GoogleBackend needs cirq_google: pip install "qkernels[google]"'
        raise ImportError(message) from error


def _reference(token: str) -> str:
    return f"qkernels-{token}"


def _new_or_known_program(engine: Any, circuit: cirq.FrozenCircuit, reference: str) -> Any:
    try:
        return engine.create_program(circuit, reference)
    except Exception as error:
        if getattr(error, "code", None) != _CONFLICT:
            raise
        return engine.get_program(reference)


def _is_refusal(error: Exception) -> bool:
    code = getattr(error, "code", None)
    return isinstance(code, int) and 400 <= code < 500 and code not in _UNDECIDED


def _checked_sweep(chunk: Chunk) -> cirq.Sweep:
    """Return the sweep to send, as the Engine's format holds no single point without symbols."""
    lone = len(chunk.sweep) == 1 and not chunk.sweep.keys
    sweep = cirq.UnitSweep if lone else chunk.sweep
    v2 = _library("api.v2")
    context = v2.run_context_to_proto(sweep, chunk.repetitions)
    arrives = len(v2.sweep_from_proto(context.parameter_sweeps[0].sweep))
    if arrives != len(sweep):
        raise ValueError(f"expected a sweep that arrives whole, got {arrives} of {len(sweep)}")
    return sweep


def _check_limits(chunk: Chunk) -> None:
    limits = _library("engine.engine_validator")
    program = _library("serialization").CIRCUIT_SERIALIZER.serialize(chunk.circuit)
    total = len(chunk.sweep) * chunk.repetitions
    for what, limit, got in (
        ("repetitions in total", limits.MAX_TOTAL_REPETITIONS, total),
        ("moments", limits.MAX_MOMENTS, len(chunk.circuit)),
        ("bytes of program", limits.MAX_MESSAGE_SIZE, program.ByteSize()),
    ):
        if got > limit:
            raise ValueError(f"expected at most {limit} {what}, got {got}")
