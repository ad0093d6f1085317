"""How a report.html does in a browser: seconds to load and to draw, console, accessibility, and pictures to look at.

NODE_PATH=viewer/node_modules python -m benchmarks.report_page data/cow/releases/RUN/report.html shots
"""

import sys
import time
from pathlib import Path

from benchmarks.browser import NO_WEBGL, SOFTWARE_GL, Page, browser, find_axe

WINDOWS = {
    "desktop": (1280, 800, "light"), "dark": (1280, 800, "dark"), "phone": (390, 844, "light"),
    "phone-dark": (390, 844, "dark"),
}  # fmt: skip
SHOWN = "[...document.querySelectorAll('.viewer')].every(view => view.dataset.state)"


def look(page: Page, report: Path, folder: Path, name: str, window: tuple[int, int, str]) -> None:
    """Open the report in one window, print what is measured, and keep pictures of it."""
    start = time.monotonic()
    loaded = page.open(report, *window)
    page.wait(SHOWN)
    drawn = time.monotonic() - start
    page.evaluate("document.querySelectorAll('[name=pause]').forEach(button => button.click())")
    axe = find_axe()
    violations = page.violations(axe) if axe else ["axe-core is not there: npm install axe-core, set NODE_PATH"]
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    states = page.evaluate("[...document.querySelectorAll('.viewer')].map(view => view.dataset.state)")
    print(f"{name}: load {loaded:.2f} s, drawn after {drawn:.2f} s, {states}, {wide} px too wide")  # noqa: T201
    for text in (*page.complaints(), *violations):
        print(f"  {text}")  # noqa: T201
    (folder / f"{name}.png").write_bytes(page.picture(whole=True))
    if "drawn" in states:
        page.evaluate("document.querySelectorAll('[name=wireframe], [name=bones]').forEach(box => box.click())")
        page.evaluate("document.querySelector('.viewer').scrollIntoView({block: 'center'})")
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        (folder / f"{name}-bones.png").write_bytes(page.picture())


def main(report: Path, folder: Path, only: list[str]) -> None:
    """All windows, or those that are named, and the browser without WebGL."""
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{report}: {report.stat().st_size / 1e6:.2f} MB")  # noqa: T201
    with browser(*SOFTWARE_GL) as page:
        for name, window in WINDOWS.items():
            if not only or name in only:
                look(page, report, folder, name, window)
    if not only or "no-webgl" in only:
        with browser(*NO_WEBGL) as page:
            look(page, report, folder, "no-webgl", WINDOWS["desktop"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
