"""A headless Chromium, driven over its DevTools protocol: for pages that have to be seen to work.

Debian has it as `chromium`. axe-core, which judges accessibility, comes from npm: `npm install axe-core@4.14.1`, and
NODE_PATH names the folder node_modules.
"""

import json
import os
import shutil
import subprocess
import time
from base64 import b64decode
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from websockets.sync.client import connect
from websockets.sync.connection import Connection

SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
NO_WEBGL = ("--disable-gpu", "--disable-3d-apis")
COMMAND = next((name for name in ("chromium", "chromium-browser", "google-chrome") if shutil.which(name)), "")
Value = Any
"""What a script gives: anything that JSON knows."""
SIDES = ("width", "height")
TALLEST = 4096
"""Pixels of a page that are drawn at once."""
PATIENCE = 300.0
"""Seconds after which something is taken to hang."""


def find_axe() -> Path | None:
    """The script of axe-core, where NODE_PATH has it."""
    folders = (Path(folder) for folder in os.environ.get("NODE_PATH", "").split(os.pathsep) if folder)
    return next((file for folder in folders if (file := folder / "axe-core" / "axe.min.js").exists()), None)


class Page:
    """One tab."""

    def __init__(self, socket: Connection) -> None:
        """Listens to the console and to exceptions from now on."""
        self.socket = socket
        self.last = 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """The answer to one command; what happens meanwhile is kept. Raises RuntimeError if it is refused."""
        self.last += 1
        self.socket.send(json.dumps({"id": self.last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(PATIENCE))
            if message.get("id") == self.last:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.events.append(message)

    def evaluate(self, script: str) -> Value:
        """The value of a script in the page. Raises RuntimeError with what it throws."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def open(self, file: Path, width: int = 1280, height: int = 800, scheme: str = "light") -> float:
        """Open a file in a window of this size and colour scheme; the seconds until its load event."""
        mobile = width < 600
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=media)
        self.events.clear()
        self.send("Page.navigate", url=file.resolve().as_uri())
        self.wait("document.readyState === 'complete'")
        return self.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd / 1000")

    def wait(self, condition: str) -> None:
        """Until a script is true. Raises TimeoutError."""
        until = time.monotonic() + PATIENCE
        while not self.evaluate(condition):
            if time.monotonic() > until:
                raise TimeoutError(f"{condition} stayed false for {PATIENCE:.0f} s")
            time.sleep(0.1)

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, and exceptions, since the page was opened."""
        said: list[str] = []
        for event in self.events:
            about = event["params"]
            if event["method"] == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
                said.append(" ".join(str(part.get("value", part.get("description"))) for part in about["args"]))
            elif event["method"] == "Runtime.exceptionThrown":
                said.append(json.dumps(about["exceptionDetails"])[:500])
            elif event["method"] == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
                said.append(about["entry"]["text"])
        return said

    def requests(self) -> list[str]:
        """Addresses of everything that was asked for since the page was opened, its own file first."""
        sent = (event for event in self.events if event["method"] == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"][:200] for event in sent]

    def press(self, key: str) -> None:
        """One key."""
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """The mouse pressed at one point of the window and released at another."""
        for kind, (x, y), buttons in (("mousePressed", start, 1), ("mouseMoved", end, 1), ("mouseReleased", end, 0)):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1)

    def point(self, x: float, y: float) -> None:
        """The mouse over a point of the window."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, whole: bool = False) -> bytes:
        """The window as PNG, or all of the page, strip by strip: a taller one would begin again at its top."""
        if not whole:
            return b64decode(self.send("Page.captureScreenshot")["data"])
        width, height = (round(self.send("Page.getLayoutMetrics")["cssContentSize"][side]) for side in SIDES)
        sheet = Image.new("RGB", (width, height))
        for top in range(0, height, TALLEST):
            clip = {"x": 0, "y": top, "width": width, "height": min(TALLEST, height - top), "scale": 1}
            strip = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
            sheet.paste(Image.open(BytesIO(b64decode(strip))), (0, top))
        stream = BytesIO()
        sheet.save(stream, "PNG")
        return stream.getvalue()

    def violations(self, axe: Path) -> list[str]:
        """What axe-core finds wrong, as rule, impact and the first place."""
        self.evaluate(axe.read_text("utf-8") + ";0")
        found = self.evaluate("axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)")
        return [f"{rule['id']} ({rule['impact']}): {rule['nodes'][0]['html'][:160]}" for rule in found]


@contextmanager
def browser(*flags: str) -> Generator[Page]:
    """A browser with a profile of its own, its debugging port on 127.0.0.1 alone."""
    # Helpers of the browser outlive it by a moment and still write: what they leave is no fault of the page.
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                COMMAND, "--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-extensions",
                "--disable-background-networking", "--no-first-run", "--remote-debugging-port=0",
                f"--user-data-dir={profile}", *flags, "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with connect(
                _address(Path(profile), process), max_size=None, open_timeout=PATIENCE, ping_interval=None
            ) as socket:
                yield Page(socket)
        finally:
            process.terminate()
            process.wait(30)


def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the first tab listens."""
    from urllib.request import urlopen

    until, file = time.monotonic() + PATIENCE, profile / "DevToolsActivePort"
    while not file.exists() or not file.read_text().count("\n"):
        if time.monotonic() > until or process.poll() is not None:
            raise TimeoutError(f"{COMMAND} did not start")
        time.sleep(0.1)
    port = file.read_text().split("\n")[0]
    while time.monotonic() < until:
        with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as answer:
            tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
        if tabs:
            return tabs[0]["webSocketDebuggerUrl"]
        time.sleep(0.1)
    raise TimeoutError(f"{COMMAND} opened no tab")
