"""Looks at a page in a headless Chromium, as a person would.

Its own protocol (DevTools) drives Chromium over two pipes, so no package is needed.
"""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # root has none in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)
# The numbers of the pipes that Chromium reads from and writes to.
COMMANDS, ANSWERS = 3, 4
# Codes of the keys that type no letter.
KEY_CODES = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35}


def find_chromium() -> str | None:
    """Returns the path of Chromium, or None."""
    found = (shutil.which(program) for program in PROGRAMS)
    return next((path for path in found if path), None)


class Page:
    """Holds a Chromium with one page.

    Attributes:
      problems: what the page's console reported as error or warning, and exceptions.
      requests: addresses that the page asked for.
    """

    def __init__(
        self,
        file: pathlib.Path,
        width: int = 1280,
        height: int = 800,
        density: float = 1,
        dark: bool = False,
        touch: bool = False,
    ):
        program = find_chromium()
        if program is None:
            raise FileNotFoundError(f"none of {', '.join(PROGRAMS)} is installed")
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._session: str | None = None
        self._pending = b""
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._start(program)
        self._attach()
        self._set_up(width, height, density, dark, touch)
        self._call("Page.navigate", url=file.resolve().as_uri())
        self.wait_for("document.readyState === 'complete'")

    def __enter__(self) -> "Page":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)
        self._folder.cleanup()

    def _start(self, program: str) -> None:
        """Starts Chromium with a new profile, its pipes connected."""
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()

        # The shell moves the pipes to the numbers that the browser reads and writes: a
        # function of Python's own would be run between fork and exec, which threads
        # forbid.
        redirected = (
            f'exec "$0" "$@" {COMMANDS}<&{read_commands} {ANSWERS}>&{write_answers}'
        )
        profile = f"--user-data-dir={self._folder.name}"
        self._process = subprocess.Popen(
            ["bash", "-c", redirected, program, *FLAGS, profile, "about:blank"],
            pass_fds=(read_commands, write_answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_commands)
        os.close(write_answers)

    def _attach(self) -> None:
        """Connects to the first page."""
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attached = self._call(
            "Target.attachToTarget", targetId=page["targetId"], flatten=True
        )
        self._session = attached["sessionId"]

    def _set_up(
        self, width: int, height: int, density: float, dark: bool, touch: bool
    ) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=density,
            mobile=touch,
        )
        self._call("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Calls a method of the protocol and returns its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                break
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        """Returns the next message; messages end in a zero byte."""
        while b"\0" not in self._pending:
            received = os.read(self._answers, 1 << 16)
            if not received:
                raise RuntimeError("Chromium ended")
            self._pending += received
        message, _, self._pending = self._pending.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        """Keeps what the page reports."""
        method, details = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            thrown = details["exceptionDetails"]
            text = thrown.get("exception", {}).get("description", thrown["text"])
            self.problems.append(text)
        elif method == "Runtime.consoleAPICalled":
            if details["type"] in ("error", "warning", "assert"):
                self.problems.append(str(details["args"]))
        elif method == "Log.entryAdded":
            self.problems.append(details["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(details["request"]["url"])

    def evaluate(self, expression: str) -> Any:
        """Returns the value of a JavaScript expression; promises are awaited."""
        answer = self._call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def wait_for(self, condition: str, seconds: float = 20) -> None:
        """Waits until a JavaScript expression is true.

        Raises:
          TimeoutError: it was not within `seconds`.
        """
        end = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise TimeoutError(f"{condition}: not after {seconds} s")
            time.sleep(0.02)

    def settle(self) -> None:
        """Waits until the page has drawn."""
        drawn = "requestAnimationFrame(() => requestAnimationFrame(done))"
        self.evaluate(f"new Promise((done) => {drawn})")

    def press(self, key: str) -> None:
        """Presses and releases a key."""
        code = KEY_CODES.get(key) or ord(key.upper())
        event = {"key": key, "windowsVirtualKeyCode": code}
        if len(key) == 1:
            event["text"] = key
        self._call("Input.dispatchKeyEvent", type="keyDown", **event)
        self._call("Input.dispatchKeyEvent", type="keyUp", **event)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Moves the mouse from `start` to `end` with the left button down."""
        (x, y), left = start, {"button": "left", "clickCount": 1}
        self._call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, **left)
        for part in (0.25, 0.5, 0.75, 1.0):
            x = start[0] + part * (end[0] - start[0])
            y = start[1] + part * (end[1] - start[1])
            moved = {"x": x, "y": y, "button": "left", "buttons": 1}
            self._call("Input.dispatchMouseEvent", type="mouseMoved", **moved)
        self._call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, **left)

    def hover(self, x: float, y: float) -> None:
        """Moves the mouse."""
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self) -> bytes:
        """Returns a PNG of the page."""
        return base64.b64decode(self._call("Page.captureScreenshot")["data"])
