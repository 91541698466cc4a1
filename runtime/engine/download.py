"""``python download.py FOLDER VERSION``: let the Temporal SDK download its server program into a folder.

The SDK downloads only on the way to starting a server, so one is started in memory and stopped at once. What
counts is the file that is in the folder afterwards; a process of its own can be given up when nothing comes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

SERVER_STARTS_WITHIN = timedelta(seconds=60)


async def download(folder: str, version: str) -> None:
    server = await WorkflowEnvironment.start_local(
        download_dest_dir=folder,
        dev_server_download_version=version,
        dev_server_startup_timeout=SERVER_STARTS_WITHIN,
    )
    await server.shutdown()


def main(folder: str, version: str) -> int:
    try:
        asyncio.run(download(folder, version))
    except RuntimeError as refusal:  # all that the SDK's core raises; its text says which step failed
        sys.stderr.write(f"{' '.join(str(refusal).split())}\n")
        return 1
    return 0


if __name__ == "__main__":
    status = main(*sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # the SDK can crash while the interpreter shuts down; the work is done by now
