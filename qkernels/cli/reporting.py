"""How commands answer: text for people or JSON for scripts, and exit codes.

What lives here: the translation of the library's errors into messages and exit codes. Answers go
to the standard output, messages and progress bars to the standard error.
"""

from __future__ import annotations

import functools
import json
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import click

from qkernels.gram import DamagedChunk, IncompleteGram

# The same command goes on where it stopped.
INCOMPLETE = 3
# What was asked for makes no sense, also because of what is there already.
USAGE = 2


def answer(values: Mapping[str, Any], *, as_json: bool) -> None:
    """Print named values."""
    if as_json:
        click.echo(json.dumps(dict(values)))
        return
    width = max(map(len, values))
    for name, value in values.items():
        click.echo(f"{name.replace('_', ' '):<{width}}  {value}")


def reported(command: Callable) -> Callable:
    """Let a command end with a message and an exit code where the library raises."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt:
            _fail("stopped; the same command goes on where it was", INCOMPLETE)
        except (IncompleteGram, DamagedChunk) as error:
            _fail(str(error), INCOMPLETE)
        except (FileNotFoundError, FileExistsError, IsADirectoryError, PermissionError) as error:
            _fail(str(error), USAGE)
        except OSError as error:
            _fail(f"{error}; the same command goes on where it was", INCOMPLETE)
        except (ValueError, TypeError, ImportError, MemoryError) as error:
            _fail(str(error), USAGE)
        finally:
            signal.signal(signal.SIGTERM, previous)

    return run


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(code)
