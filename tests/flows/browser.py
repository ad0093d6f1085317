"""A headless Chromium that the tests look at the Prefect UI with, spoken to by its own protocol."""

import base64
import json
import re
import subprocess
import time
from contextlib import contextmanager
from shutil import which
from urllib.request import ProxyHandler, build_opener

import pytest
from websockets.sync.client import connect

PATIENCE_SECONDS = 300
"""A busy machine takes a minute to start the scripts of the UI."""
needs_chromium = pytest.mark.skipif(not which("chromium"), reason="no chromium is installed")


class Page:
    """One page, at a width at which nothing of the UI is folded away."""

    def __init__(self, socket):
        self.socket, self.number, self.events = socket, 0, []
        for room in ("Page", "Network", "Runtime"):
            self.call(f"{room}.enable")

    def call(self, method, **parameters):
        """The answer to one command; what happens meanwhile is kept in `events`."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(timeout=PATIENCE_SECONDS))
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def ask(self, script):
        """What JavaScript says."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, script):
        """What JavaScript says once it says something."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (answer := self.ask(script)):
            assert time.monotonic() < deadline, f"{script} stayed false at: {self.text()[:2000]}"
            time.sleep(0.5)
        return answer

    def open(self, url, authorisation=None):
        """Load a page of the UI, logged in where the server asks for it."""
        if authorisation:
            secret = base64.b64encode(authorisation.encode()).decode()
            login = f"localStorage.setItem('prefect-password', {secret!r})"
            self.call("Page.addScriptToEvaluateOnNewDocument", source=login)
        self.call("Page.navigate", url=url)

    def text(self):
        """What a person reads."""
        return self.ask("document.body ? document.body.innerText : ''")

    def click(self, label):
        """Press the button or the tab with these words, once it is there."""
        words = json.dumps(label)
        self.wait_for(
            "(() => { const all = [...document.querySelectorAll('button, .p-tab')]; "
            f"const button = all.find(each => each.innerText.trim() == {words}); "
            "if (button) button.click(); return Boolean(button) })()"
        )

    def wait_for_post(self, address):
        """What the page posts to an address that ends like this."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            shown = self.text()
            sent = (event for event in self.events if event["method"] == "Network.requestWillBeSent")
            requests = (event["params"]["request"] for event in sent)
            bodies = [
                each["postData"] for each in requests if each["method"] == "POST" and each["url"].endswith(address)
            ]
            if bodies:
                return json.loads(bodies[-1])
            assert "not valid under any of the given schemas" not in shown
            assert time.monotonic() < deadline, f"nothing was posted to {address} at: {shown[-2000:]}"
            time.sleep(0.5)

    def errors(self):
        """What the scripts of the page threw."""
        thrown = [event["params"] for event in self.events if event["method"] == "Runtime.exceptionThrown"]
        return [json.dumps(each)[:500] for each in thrown]


@contextmanager
def open_page(home):
    """A page of a browser of its own, which ends with the block."""
    command = [
        "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--remote-debugging-port=0", "--remote-allow-origins=*", "--window-size=1500,2400", f"--user-data-dir={home}",
        "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        found = (re.search(r"DevTools listening on ws://([\d.:]+)/", line) for line in process.stderr)
        host = next(match[1] for match in found if match)
        tabs = json.loads(build_opener(ProxyHandler({})).open(f"http://{host}/json").read())
        address = next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        with connect(address, max_size=None, proxy=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(30)
