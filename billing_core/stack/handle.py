"""Hold a running stack in one's hand: for tests, the demo and measurements."""

import subprocess
from types import TracebackType
from typing import Self

from billing_core.settings import Settings, load_settings
from billing_core.stack import control, lifecycle
from billing_core.stack.errors import StackError
from billing_core.stack.processes import (
    ProcessSpec,
    process_specs,
    wait_until_ready,
)
from billing_core.stack.state import read_state
from billing_core.stack.surroundings import Surroundings


class Stack:
    """A running stack; leaving its `with` block takes it down."""

    def __init__(
        self, around: Surroundings, supervisor: "subprocess.Popen[bytes] | None"
    ) -> None:
        self._around = around
        self._supervisor = supervisor
        self._run = around.layout.run
        self._specs = {spec.name: spec for spec in process_specs(around)}
        self.var = around.layout.var
        self.database_url = around.database_url
        self.superuser_url = around.cluster.superuser_url
        self.auth_port = around.ports["auth"]
        self.acct_port = around.ports["acct"]
        self.radius_secret = around.radius_secret
        self.web_url = f"http://127.0.0.1:{around.ports['web']}"
        self.admin_username = "admin"
        self.admin_password_file = around.layout.secrets / "admin_password"

    @property
    def settings(self) -> Settings:
        """The settings that every process of this stack runs under."""
        return load_settings({"KHATA_CONFIG": str(self._around.layout.config)})

    @property
    def environment(self) -> dict[str, str]:
        """What a `khata` command needs in its environment to speak of this stack."""
        return {"KHATA_CONFIG": str(self._around.layout.config)}

    def pid(self, name: str) -> int | None:
        """Return the pid of a process, if it runs."""
        return control.process_pid(self._run, self._spec(name).name)

    def start(self, name: str) -> None:
        """Start a stopped or killed process and wait until it is ready."""
        spec = self._spec(name)
        control.release(self._run, name)
        wait_until_ready(spec, self._around.layout)

    def stop(self, name: str) -> None:
        """Stop a process in order; it stays stopped until it is started."""
        control.stop(self._run, self._spec(name).name)

    def kill(self, name: str, *, hold: bool = True) -> None:
        """End a process as a crash would; without `hold` its keeper restarts it."""
        control.kill(self._run, self._spec(name).name, keep_down=hold)

    def wait_until_ready(self, name: str) -> None:
        """Wait for a process that is on its way back."""
        wait_until_ready(self._spec(name), self._around.layout)

    def log(self, name: str) -> str:
        """Return what a process has said so far."""
        file = self._around.layout.log / f"{self._spec(name).name}.log"
        return file.read_text(encoding="utf-8", errors="replace")

    def down(self) -> None:
        """Stop everything in order."""
        lifecycle.take_down(self.var)
        if self._supervisor is not None:
            self._supervisor.wait()
            self._supervisor = None

    def _spec(self, name: str) -> ProcessSpec:
        if name not in read_state(self._around.layout.state).processes:
            raise StackError(f"This stack has no process {name}.")
        return self._specs[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()
