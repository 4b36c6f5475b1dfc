#!/usr/bin/env python3
"""Runs a ClickHouse server (HTTP and native TCP) from the chdb-core wheel, without a container.

chdb-core carries the whole ClickHouse engine. Its command-line entry (`_chdb.query`) runs the engine's own clickhouse-local,
which loads `config.xml` from the working directory and accepts SYSTEM START LISTEN: HTTP, authentication, formats, compression
and error codes are ClickHouse's own code. The last statement reads a pipe until end of file, so it holds the server open, idle;
SIGTERM or SIGINT closes the pipe and ClickHouse shuts down in good order.

usage: server.py DIR      (DIR holds config.xml, users.xml, config.d/, users.d/; the data goes to DIR/data)
"""

import importlib.util
import os
import signal
import sys
import threading
from pathlib import Path
from types import ModuleType


def load_engine() -> ModuleType:
    """Loads chdb's extension module without `import chdb`, whose __init__ opens and closes a throw-away engine; after that the
    real one would no longer write its log."""
    package = importlib.util.find_spec("chdb")
    if package is None or package.origin is None:
        raise SystemExit("chdb-core is not installed")
    folder = Path(package.origin).parent
    os.chdir(folder)  # the module looks for its companion libraries here
    spec = importlib.util.spec_from_file_location("_chdb", folder / "_chdb.abi3.so")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    data = root / "data"
    data.mkdir(parents=True, exist_ok=True)
    stop_signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)  # inherited by the engine's threads

    engine_module = load_engine()
    os.chdir(root)
    read_end, write_end = os.pipe()
    # The output format given below becomes the default format of the HTTP interface.
    script = (
        "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; "
        f"SELECT count() FROM file('/dev/fd/{read_end}', 'LineAsString', 'line String')"
    )
    failure: list[str] = []

    def serve() -> None:
        try:
            result = engine_module.query(script, "TabSeparated", path=str(data))
            if result.bytes().strip() != b"0":  # the engine has written its reason to standard error
                failure.append(result.error_message() or "the engine did not start")
        except Exception as error:  # the engine's errors arrive as RuntimeError
            failure.append(str(error))
        os.kill(os.getpid(), signal.SIGTERM)

    engine = threading.Thread(target=serve, name="clickhouse")
    engine.start()
    signal.sigwait(stop_signals)
    os.close(write_end)
    engine.join()
    if failure:
        print(failure[0], file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())
