"""Debian's Chromium without a window, by its DevTools over a pipe: opens a page at a width, asks it, takes a screenshot."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

BROWSER = "chromium"
TIMEOUT = 60  # seconds for one answer
# What a reader would see as broken: a body wider than the screen, texts on top of each other, images that are not there.
FAULTS = """
(() => {
  const faults = [], width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    faults.push(`the body is ${document.documentElement.scrollWidth} px wide on a screen of ${width}`);
  }
  const scrolls = (node) => node.closest(".wide");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const boxes = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.textContent.trim() || node.parentElement.closest("details:not([open]) > :not(summary)")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      const clip = node.parentElement.getBoundingClientRect();
      const hidden = getComputedStyle(node.parentElement).overflow === "hidden";
      const right = hidden ? Math.min(box.right, clip.right) : box.right;
      boxes.push({text: node.textContent.trim().slice(0, 40), left: box.left, right, top: box.top, bottom: box.bottom,
                  scrolls: scrolls(node.parentElement)});
    }
  }
  for (const box of boxes) {
    if (!box.scrolls && (box.left < -1 || box.right > width + 1)) faults.push(`"${box.text}" is cut off at ${box.right}`);
  }
  boxes.sort((one, other) => one.top - other.top);
  for (let i = 0; i < boxes.length; i++) {
    for (let k = i + 1; k < boxes.length && boxes[k].top < boxes[i].bottom - 2; k++) {
      const [one, other] = [boxes[i], boxes[k]];
      if (one.scrolls && one.scrolls === other.scrolls && one.scrolls.scrollWidth > one.scrolls.clientWidth) {
        if (Math.max(one.left, other.left) < one.scrolls.querySelector("th, td").getBoundingClientRect().right) continue;
      }
      const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (wide > 2 && high > 3) faults.push(`"${one.text}" and "${other.text}" overlap by ${wide} x ${high} px`);
    }
  }
  const waits = (image) => image.loading === "lazy" && !image.complete;  // until it is scrolled to
  for (const image of document.images) if (!image.naturalWidth && !waits(image)) faults.push(`an image is not shown: ${image.alt}`);
  return faults.slice(0, 10);
})()
"""


class Chromium:
    """A running browser; a context manager, which ends it."""

    def __init__(self, profile: Path):
        read_end, write_end = os.pipe(), os.pipe()  # what it writes, and what it reads
        files = {3: write_end[0], 4: read_end[1]}
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
        ]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{files[3]} 4>&{files[4]}', "bash", BROWSER, *flags],
            pass_fds=files.values(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for end in files.values():
            os.close(end)
        self._answers, self._orders = read_end[0], os.fdopen(write_end[1], "wb")
        self._number, self._session, self._events, self._unread = 0, None, [], b""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self._ask(f"{domain}.enable")

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._answers)
        self._orders.close()

    def open(self, page: Path | str, width: int) -> list[str]:
        """Shows a file, or what an address gives, on a screen of so many pixels; returns its faults, see `faults`."""
        self._events.clear()
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("Emulation.setDeviceMetricsOverride", **screen)
        self._ask("Page.navigate", url=page if isinstance(page, str) else page.absolute().as_uri())
        self._wait_for("Page.loadEventFired")
        return self.faults()

    def faults(self) -> list[str]:
        """What a reader would see as broken on the page as it is now, and the errors of its console so far."""
        errors = [event for event in self._events if _is_error(event)]
        return [*self.evaluate(FAULTS), *(f"console: {json.dumps(error)[:200]}" for error in errors)]

    def evaluate(self, expression: str):
        """The value of a JavaScript expression; a promise's when it is kept."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Until it is true."""
        end = time.monotonic() + TIMEOUT
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.02)

    def choose_file(self, selector: str, file: Path) -> None:
        """As a reader who chooses it in the field's dialog."""
        chosen = self._ask("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        self._ask("DOM.setFileInputFiles", files=[str(file)], objectId=chosen["result"]["objectId"])

    def addresses(self) -> set[str]:
        """Of all that the page has asked for since it was opened."""
        sent = [event for event in self._events if event["method"] == "Network.requestWillBeSent"]
        return {event["params"]["request"]["url"] for event in sent}

    def screenshot(self, file: Path) -> None:
        """PNG of the whole page that is open."""
        taken = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(taken["data"]))

    def _ask(self, method: str, **parameters) -> dict:
        self._number += 1
        order = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            order["sessionId"] = self._session
        self._orders.write(json.dumps(order).encode() + b"\0")
        self._orders.flush()
        while True:
            message = self._read()
            if message.get("id") == self._number:
                assert "result" in message, message
                return message["result"]

    def _wait_for(self, event: str) -> None:
        end = time.monotonic() + TIMEOUT
        while not any(each["method"] == event for each in self._events):
            assert time.monotonic() < end, f"no {event}"
            self._read()

    def _read(self) -> dict:
        """The next message; an event is kept."""
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._answers], [], [], TIMEOUT)
            content = os.read(self._answers, 1 << 20) if ready else b""
            assert content, "the browser has ended, or does not answer"
            self._unread += content
        message, _, self._unread = self._unread.partition(b"\0")
        message = json.loads(message)
        if "method" in message:
            self._events.append(message)
        return message


def start_or_skip(profile: Path) -> Chromium:
    """A browser for a test, which is skipped where there is none; in CI it fails."""
    if shutil.which(BROWSER) is None:
        reason = "there is no chromium; install Debian's package chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return Chromium(profile)


def _is_error(event: dict) -> bool:
    method, params = event["method"], event["params"]
    return (
        method == "Runtime.exceptionThrown"
        or (method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"))
        or (method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"))
    )
