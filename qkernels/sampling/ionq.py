"""IonQ's service as a backend: one batch job for each chunk, collected by its id.

What lives here: `IonQBackend`, over a `cirq_ionq.Service` (`pip install "qkernels[ionq]"`). IonQ
knows no symbols, so the circuit is resolved for each point; the submission's token is the name
of the job, by which a job can be found again whose id was never recorded.

The library repeats a request that met an error of the server, so one submission may become two
jobs of one name, both of them charged.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import cirq
import numpy as np

from qkernels.sampling.backends import Chunk, NotSubmitted

# After these the job was not taken, whatever an earlier attempt of the library met. Codes that
# also come from asking for the new job (404), or because a first attempt was charged (402, 403),
# leave it open.
_REFUSED = (400, 401, 413, 422)
_NOT_FOUND = 404
_SEARCHED = (10, 100, 1000)


class IonQBackend:
    """A target of IonQ's service.

    Results come without parameters, in the order of the points. There may be some repetitions
    fewer or more than asked for: the service returns probabilities, which are rounded to counts
    (quantum processors) or sampled (simulators; the same however often they are fetched).

    A chunk holds some hundreds of points at most: the library writes what each circuit measures
    into the job's metadata, of which IonQ takes 40 000 characters.

    Qubits must be `cirq.LineQubit` from 0 on, and gates those of `cirq_ionq.Serializer`, for
    example after `cirq.optimize_for_target_gateset(gateset=cirq_ionq.IonQTargetGateset())`.

    Parameters
    ----------
    service : cirq_ionq.Service
    target : str
        For example "simulator", "qpu.aria-1" or "qpu.forte-1".

    Raises
    ------
    ImportError
        If `cirq_ionq` is not installed.
    TypeError
        If `service` is not a `cirq_ionq.Service`.

    Examples
    --------
    ::

        backend = IonQBackend(cirq_ionq.Service(api_key="..."), target="qpu.forte-1")
        reference = backend.submit(chunk, token)

    and tomorrow, in another process::

        if backend.status(reference) == "done":
            results = backend.fetch(reference)
    """

    def __init__(self, service: Any, *, target: str) -> None:
        if not isinstance(service, _library().Service):
            raise TypeError(f"service: expected a cirq_ionq.Service, got {service!r}")
        self.service = service
        self.target = target
        self.identity = f"ionq:{target}"

    @property
    def calibration(self) -> str | None:
        """Time of the current calibration, None where the service offers none of this target."""
        if not self.target.startswith("qpu"):
            return None
        try:
            calibration = self.service.get_current_calibration()
        except Exception as error:
            if getattr(error, "status_code", None) == _NOT_FOUND:
                return None
            raise
        return calibration.calibration_time(UTC).isoformat()

    def submit(self, chunk: Chunk, token: str) -> str:
        """Send a chunk as one batch job, and return its id.

        Raises
        ------
        NotSubmitted
            If the circuits cannot be written in IonQ's format, or were refused.
        """
        try:
            circuits = _resolved(chunk)
        except Exception as error:
            raise NotSubmitted(f"{type(error).__name__}: {error}") from error
        try:
            job = self.service.create_batch_job(
                circuits, chunk.repetitions, name=token, target=self.target
            )
        except Exception as error:
            if getattr(error, "status_code", None) in _REFUSED:
                raise NotSubmitted(f"{type(error).__name__}: {error}") from error
            raise
        return job.job_id()

    def status(self, reference: str) -> str:
        """Return "done", "failed" or "waiting"."""
        job = self.service.get_job(reference)
        state = job.status()
        if state in job.UNSUCCESSFUL_STATES:
            return "failed"
        return "done" if state == "completed" else "waiting"

    def fetch(self, reference: str) -> Sequence[cirq.Result]:
        """Return the results of a job that is done, one for each point, in order."""
        with _batch_results(self.service):
            results = self.service.get_job(reference).results()
        if not isinstance(results, list):
            results = [results]
        random_state = _random_state(reference)
        return [_to_cirq_result(result, random_state) for result in results]

    def lookup(self, token: str) -> str | None:
        """Return the id of the job with this token, None if the service lists none.

        Of several, the first that is completed is returned, else the oldest, with a warning.

        Raises
        ------
        NotImplementedError
            If the service lists 1000 jobs without one of this name: there may be more.
        """
        for limit in _SEARCHED:
            jobs = self._listed(limit)
            if found := [job for job in jobs if _is_batch_named(job, token)]:
                return _chosen(found, token)
            if len(jobs) < limit:
                return None
        raise NotImplementedError(
            f"expected a job named {token!r} among the {limit} that IonQ lists first, got none; "
            "look for it at cloud.ionq.com"
        )

    def _listed(self, limit: int) -> list[dict[str, Any]]:
        # The methods of a job ask the service again for each, and refuse those that failed. The
        # library may list a last page again until the limit is reached, hence by id.
        jobs = {job.job_id(): job._job for job in self.service.list_jobs(limit=limit)}
        return list(jobs.values())


def _library() -> Any:
    try:
        return importlib.import_module("cirq_ionq")
    except ModuleNotFoundError as error:
        message = 'IonQBackend needs cirq_ionq: pip install "qkernels[ionq]"'
        raise ImportError(message) from error


def _resolved(chunk: Chunk) -> list[cirq.FrozenCircuit]:
    circuits = [cirq.resolve_parameters(chunk.circuit, point) for point in chunk.sweep]
    program = _library().Serializer().serialize_many_circuits(circuits, metadata={})
    # What is no JSON (NaN, say) the library would take for a broken line, and try for an hour.
    json.dumps(program.input, allow_nan=False)
    return circuits


@contextmanager
def _batch_results(service: Any) -> Iterator[None]:
    # The library asks for a batch's results only after it has created a batch in this process.
    client = service._client
    before = getattr(client, "batch_mode", False)
    client.batch_mode = True
    try:
        yield
    finally:
        client.batch_mode = before


def _random_state(reference: str) -> np.random.RandomState:
    digest = hashlib.sha256(reference.encode()).digest()
    return np.random.RandomState(int.from_bytes(digest[:4], "big"))


def _to_cirq_result(result: Any, random_state: np.random.RandomState) -> cirq.Result:
    if hasattr(result, "probabilities"):
        return result.to_cirq_result(seed=random_state)
    return result.to_cirq_result()


def _is_batch_named(job: dict[str, Any], token: str) -> bool:
    # The circuits of a batch are jobs too, with the batch for a parent.
    return job.get("name") == token and not job.get("parent_job_id")


def _chosen(jobs: list[dict[str, Any]], token: str) -> str:
    order = {"completed": 0, "failed": 2, "canceled": 2}
    best = min(jobs, key=lambda job: (order.get(job["status"], 1), job.get("submitted_at") or ""))
    if len(jobs) > 1:
        warnings.warn(
            f"IonQ holds {len(jobs)} jobs named {token!r} and may charge for each; "
            f"taking the results of {best['id']}",
            stacklevel=3,
        )
    return best["id"]
