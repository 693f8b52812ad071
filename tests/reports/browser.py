"""A real browser without a window, driven over its DevTools pipe: Chromium as Debian packages it.

The protocol is JSON with a NUL behind each message, on the descriptors 3 and 4 of the browser.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 60.0
"""For one answer; a busy machine starts a browser slowly."""

_ARGUMENTS = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb",
)  # fmt: skip
_KEYS = {
    "Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, ""), "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""), "ArrowRight": (39, ""), "ArrowDown": (40, ""), "Delete": (46, ""),
    "/": (191, "/"),
}  # fmt: skip


def find() -> str | None:
    """The program, None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """A browser process; each page of it is open()."""

    def __init__(self, program: str, directory: Path) -> None:
        """Start it; its profile and its log go to a directory."""
        to_read, self._out = os.pipe()
        self._in, to_write = os.pipe()
        # Far away from 3 and 4, which the child's are copied to.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (to_read, to_write)]
        self._log = directory / "browser.log"
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT, 0o600)
        argv = [program, *_ARGUMENTS, f"--user-data-dir={directory / 'profile'}", "about:blank"]
        if os.getuid() == 0:  # where its own sandbox does not work
            argv.insert(1, "--no-sandbox")
        self._pid = os.posix_spawn(
            program, argv, os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, ends[0], 3), (os.POSIX_SPAWN_DUP2, ends[1], 4),
                (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setpgroup=0,
        )  # fmt: skip
        for end in (to_read, to_write, log, *ends):
            os.close(end)
        self._rest = b""
        self._last = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """One command and its answer; what happens meanwhile goes to events."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = memoryview(json.dumps(message).encode() + b"\0")
        while data:
            data = data[os.write(self._out, data) :]
        deadline = time.monotonic() + SECONDS
        while True:
            answer = self._read(deadline)
            if answer.get("id") == self._last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                found: dict[str, Any] = answer["result"]
                return found
            self.events.append(answer)

    def _read(self, deadline: float) -> dict[str, Any]:
        parts = [self._rest]
        while b"\0" not in parts[-1]:
            ready, _, _ = select.select([self._in], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            part = os.read(self._in, 1 << 20)
            assert part, f"the browser has ended: {self._log.read_text(errors='replace')[-500:]}"
            parts.append(part)
        message, _, self._rest = b"".join(parts).partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def open(self, path: Path, width: int = 1280, height: int = 900, **media: str) -> "Page":
        """A page; media are features such as prefers_color_scheme="dark"."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        answer = self.call("Target.attachToTarget", targetId=target, flatten=True)
        page = Page(self, target, answer["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        page.media(**media)
        page.go(path.as_uri())
        return page

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(AssertionError, OSError):
            self.call("Browser.close")
        for end in (self._in, self._out):
            os.close(end)
        give_up = time.monotonic() + 5
        while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > give_up:
                os.killpg(self._pid, signal.SIGKILL)
            time.sleep(0.02)


class Page:
    """One tab."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command to this page."""
        return self._browser.call(method, self._session, **params)

    def go(self, url: str) -> None:
        """Load an address and wait until it is there."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def resize(self, width: int, height: int) -> None:
        """Another window."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip

    def media(self, medium: str = "", **features: str) -> None:
        """What the page's media queries see."""
        found = [{"name": n.replace("_", "-"), "value": value} for n, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=medium, features=found)

    def js(self, expression: str) -> Any:
        """What an expression is worth in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true."""
        give_up = time.monotonic() + SECONDS
        while not self.js(f"new Promise(d => setTimeout(() => d(Boolean({condition})), 10))"):
            assert time.monotonic() < give_up, condition

    def click(self, selector: str) -> None:
        """The left button in the middle of an element."""
        x, y = self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', inline: 'center'});"
            "const b = e.getBoundingClientRect(); return [b.x + b.width/2, b.y + b.height/2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, *keys: str) -> None:
        """Keys by their names, one after another."""
        for key in keys:
            code, text = _KEYS[key]
            down = "keyDown" if text else "rawKeyDown"
            common = {"key": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", type=down, text=text, **common)
            self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """A text where the focus is."""
        self.call("Input.insertText", text=text)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """What is seen, or the whole page, as PNG."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True)["data"])

    def said(self, *methods: str) -> list[dict[str, Any]]:
        """What the page reported so far by these methods."""
        self.js("0")  # what is on its way is read
        return [
            event["params"]
            for event in self._browser.events
            if event.get("sessionId") == self._session and event["method"] in methods
        ]

    def close(self) -> None:
        """Close the tab."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def forget(self) -> None:
        """Leave out what the page reported so far: it was expected."""
        self._browser.events.clear()

    def accessible(self) -> list[tuple[str, str]]:
        """Role and name of everything that assistive technology is told of."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored")
        ]
