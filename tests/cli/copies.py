"""Whole copies of Voxie as processes, started by the installed command."""

import io
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from cli.main import main
from tests.patience import PATIENCE, PATIENT

VOXIE = str(Path(sys.executable).parent / "voxie")
PORTS = (3001, 3002, 3010, 8000)
START_SECONDS = 50.0
PATIENT_COPY = {
    **{name: str(seconds) for name, seconds in PATIENT.items()},
    "MCP_LISTING_SECONDS": str(PATIENCE.listing),
    "VOXIE_SILENCE_SECONDS": str(PATIENCE.silence),
    "VOXIE_ANSWER_SECONDS": str(PATIENCE.answer),
    "ZAPIER_ACCEPTANCE_SECONDS": "10",
}
QUIET = ("OPENAI_", "VOXIE_", "MCP_", "LIVEKIT_", "GOOGLE_", "ZAPIER_", "BACKEND_", "SANDBOX_", "DATABASE_URL")


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what could configure Voxie."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(QUIET)}  # noqa: TID251
    return {**kept, "COLUMNS": "200", **PATIENT_COPY, **more}


def free_offset() -> int:
    """An offset that moves every port to a free one, below those that the system gives to whoever asks for any."""
    while True:
        # Not by `random`, which begins with the same numbers in every test.
        offset = 12_000 + secrets.randbelow(12_000)
        if all(is_free(port + offset) for port in PORTS):
            return offset


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def voxie(*arguments: str, given: str = "", cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [VOXIE, *arguments],
        input=given, capture_output=True, text=True, timeout=150, check=False, cwd=cwd, env=environment(**more),
    )  # fmt: skip


def begin_chat(copy: "Copy", terminal: int) -> subprocess.Popen[bytes]:
    """A conversation whose caller types at a terminal."""
    return subprocess.Popen(
        [VOXIE, "chat", "restaurant", *copy.options],
        stdin=terminal, stdout=subprocess.PIPE, env=environment(),
        # Tests that run in the background of a shell are started with Ctrl-C ignored, and so would this be.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread of this process forks
    )  # fmt: skip


def told(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """What a command says that neither starts nor reaches anything: in this process, which has imported everything already."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    argv, environ = ["voxie", *arguments], environment(**more)
    with (
        chdir(cwd), redirect_stdout(out), redirect_stderr(err),
        patch.object(sys, "argv", argv), patch.dict(os.environ, environ, clear=True),  # noqa: TID251
    ):  # fmt: skip
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@dataclass
class Copy:
    """One ``voxie up``.

    Args:
        state: its folder.
        offset: of its ports.
    """

    state: Path
    offset: int
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    @property
    def options(self) -> tuple[str, ...]:
        return ("--state", str(self.state), "--port-offset", str(self.offset))

    def url(self, port: int) -> str:
        return f"http://127.0.0.1:{port + self.offset}"

    def chat(self, *turns: str, caller: str | None = None) -> str:
        """What a caller who says these lines hears."""
        who = ("--caller", caller) if caller else ()
        done = voxie("chat", "restaurant", *who, *self.options, given="\n".join(turns) + "\n")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def children(self) -> set[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(number) for number in listed.split()}

    def child_of(self, module: str) -> int:
        """The process id of one service."""
        for number in self.children():
            if module in Path(f"/proc/{number}/cmdline").read_text().split("\0"):
                return number
        raise LookupError(module)

    def read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                self.lines.append(line.rstrip())
                if "Ctrl-C stops all of it" in line:
                    self.ready.set()
        self.ready.set()

    def stop(self) -> int:
        """Ctrl-C."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=30)
        self.reader.join(timeout=30)
        return code


def begin(state: Path, offset: int, *options: str, **more: str) -> Copy:
    """Start a copy without waiting for it."""
    process = subprocess.Popen(
        [VOXIE, "up", "--state", str(state), "--port-offset", str(offset), *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(**more),
    )  # fmt: skip
    return Copy(state, offset, process)


@contextmanager
def up(*states: Path, **more: str) -> Generator[list[Copy]]:
    """As many copies as there are folders, at once."""
    copies = [begin(state, free_offset(), **more) for state in states]
    try:
        for copy in copies:
            assert copy.ready.wait(START_SECONDS), copy.lines
            assert copy.process.poll() is None, copy.lines
        yield copies
    finally:
        for copy in copies:
            copy.stop()
