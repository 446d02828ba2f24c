"""A cancellation that a failing group of tasks swallows. Called by loops that wait for a log or a Cassandra that is away."""

import asyncio


def raise_if_cancelled() -> None:
    """After `except*`: a group that fails while its task is cancelled raises only its failure (Python 3.11), and the task would live on.

    Raises: CancelledError.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
