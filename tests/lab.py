"""Drives a real JupyterLab in a real browser: a server, a notebook on a page, and what a learner would see there."""

import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress

from PIL import Image
from playwright.sync_api import Error, TimeoutError, sync_playwright

SETTINGS = {
    # Only what is on the screen is in the page otherwise.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    # Neither a pop-up nor a request to the network.
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
WIDTH, HEIGHT = 1100, 900
TILE = 6000  # pixels; Chromium paints nothing sensible beyond 16384


@contextmanager
def lab_server(root, home):
    """A JupyterLab of its own that serves the folder `root`, keeps everything in `home`, and is gone afterwards.

    Gives the pair (address, token).
    """
    own = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    settings = home / "config" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(SETTINGS), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    environment.pop("COURSE_CLAIMS", None)
    environment |= own | {"IPYTHONDIR": str(home / "ipython"), "COURSE_FAST": "1"}
    environment["COURSE_PROGRESS"] = str(home / "progress.json")
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.root_dir={root}"]
    command += [f"--IdentityProvider.token={token}", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None", "--ServerApp.answer_yes=True"]
    log = home / "server.log"
    with open(log, "wb") as output:
        server = subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=subprocess.STDOUT)
    address = None
    try:
        address = _address(server, home / "runtime", token, log)
        yield address, token
    finally:
        if address:  # asked politely, it ends its kernels first, on every operating system
            with suppress(OSError):
                _request(f"{address}api/shutdown", token, method="POST")
        else:
            server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _address(server, runtime, token, log, patience=90):
    """The server's address, once it answers there."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and server.poll() is None:
        # The server picks a free port itself and writes it down, so nobody can take it in between.
        for file in runtime.glob("jpserver-*.json"):
            with suppress(OSError, ValueError):
                address = json.loads(file.read_text(encoding="utf-8"))["url"]
                _request(f"{address}api/status", token)
                return address
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")


def _request(address, token, method="GET"):
    request = urllib.request.Request(address, method=method, headers={"Authorization": f"token {token}"})
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with directly.open(request, timeout=10) as answer:
        return answer.read()


class NoBrowser(RuntimeError):
    """Neither Chromium nor Chrome could be started."""


@contextmanager
def browser():
    """A headless Chromium or Chrome, whose pages share one cache; raises NoBrowser."""
    quiet = "--disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    with sync_playwright() as playwright:
        failures = []
        # Chrome on macOS and Windows is on no PATH; Playwright knows where it is.
        for choice in [*({"executable_path": path} for path in found), {"channel": "chrome"}]:
            try:
                # No sandbox: it needs rights that a container does not have, and the pages are our own.
                started = playwright.chromium.launch(args=["--no-sandbox", "--disable-gpu", *quiet.split()], **choice)
                break
            except Error as error:
                failures.append(error.message.strip())
        else:
            raise NoBrowser("\n".join(failures))
        try:
            yield started.new_context(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US")
        finally:
            started.close()


class Notebook:
    """A notebook open in JupyterLab. The `*_problems` are lists of texts, empty where all is well."""

    def __init__(self, page, path, errors, patience):
        """Find the notebook `path` on the page, where it is being opened, and wait until it can be run.

        errors : list to which the page adds what JavaScript throws.
        patience : seconds that the page has for showing what it must show.
        """
        self.page, self.path, self.errors, self.patience = page, path, errors, patience
        page.wait_for_function("path => course.ready(path)", arg=path, timeout=60_000)
        panel = page.evaluate("path => course.panel(path).id", path)
        self.root = page.locator(f"[id='{panel}'] .jp-Notebook")

    def run_all(self, patience=600):
        """Run all cells and wait until every one has run or one has failed; gives the problems."""
        self.page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self._wait("run", seconds=patience)
        return self._ask("run")

    def output_problems(self):
        """Standard error anywhere in the outputs, and errors of JavaScript on the page."""
        return self._ask("standardError") + [f"JavaScript: {error}" for error in self.errors]

    def figure_problems(self):
        return self._settled("figures")

    def math_problems(self):
        return self._settled("math")

    def language_problems(self, shown):
        """What of the other language is visible, or of this one is not; shown is "en", "zh" or "both"."""
        return self._settled("languages", shown)

    def count(self, selector):
        return self.root.locator(selector).count()

    def choose(self, shown):
        """Click the language switch: "en", "zh" or "both"."""
        self.root.locator(f"input.course-language-{shown}").check(timeout=1000 * self.patience)

    def shut_kernel_down(self):
        self.page.evaluate("path => course.panel(path).sessionContext.shutdown()", self.path)
        self.page.wait_for_function("path => !course.panel(path).sessionContext.session", arg=self.path)

    def close(self):
        """Leave nothing of it: neither its kernel nor, for a changed notebook, a question whether to save it."""
        self.shut_kernel_down()
        self.page.evaluate("path => course.panel(path).dispose()", self.path)

    def screenshot(self, path):
        """Write the whole notebook, from its first to its last cell, to the PNG file `path`."""
        self.page.set_viewport_size({"width": WIDTH, "height": TILE})
        whole = None
        done, height = 0, self.root.evaluate("root => course.height(root)")
        while done < height:
            # A few pixels more: the tool bar throws its shadow on the first ones.
            box = self.root.evaluate("(root, top) => course.scrollTo(root, top)", max(done - 9, 0))
            top = box.pop("top")
            tile = Image.open(io.BytesIO(self.page.screenshot(clip=box))).convert("RGB")
            whole = whole or Image.new("RGB", (tile.width, height))
            whole.paste(tile.crop((0, done - top, tile.width, tile.height)), (0, done))
            if top + tile.height <= done:
                raise RuntimeError(f"{self.path} does not scroll beyond {done} of {height} pixels")
            done = top + tile.height
        path.parent.mkdir(parents=True, exist_ok=True)
        whole.save(path)
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})

    def _ask(self, check, *args):
        return self.root.evaluate(f"(root, args) => course.{check}(root, ...args)", list(args))

    def _wait(self, check, *args, seconds):
        """Wait until a check finds nothing, or `seconds`."""
        arg = {"root": self.root.element_handle(), "args": list(args)}
        nothing = f"({{root, args}}) => course.{check}(root, ...args).length === 0 || course.failed(root, '{check}')"
        with suppress(TimeoutError):
            self.page.wait_for_function(nothing, arg=arg, timeout=1000 * seconds, polling=200)

    def _settled(self, check, *args):
        """What a check still finds after a while: images and formulas arrive after their cell has run."""
        self._wait(check, *args, seconds=self.patience)
        return self._ask(check, *args)


@contextmanager
def lab_page(browser, server):
    """JupyterLab on a page of its own, with nothing open yet."""
    address, token = server
    page = browser.new_page()
    try:
        page.set_default_timeout(30_000)
        page.add_init_script(_SCRIPT)
        # In a workspace of its own it opens no notebook of another page.
        page.goto(f"{address}lab/workspaces/{secrets.token_hex(4)}?token={token}")
        page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)", timeout=60_000)
        page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        yield page
    finally:
        page.close()


@contextmanager
def open_notebook(page, path, mode="tab-after", patience=10):
    """A notebook on a page of JupyterLab, closed afterwards; mode "split-right" puts it beside the one in front."""
    errors = []

    def note(error):
        errors.append(str(error))

    page.on("pageerror", note)
    try:
        page.evaluate(
            "([path, mode]) => void window.jupyterapp.commands.execute('docmanager:open', {path, options: {mode}})",
            [path, mode],
        )
        notebook = Notebook(page, path, errors, patience)
        try:
            yield notebook
        finally:
            notebook.close()
    finally:
        page.remove_listener("pageerror", note)


# On every page as `course`. `root` is a notebook's element, `cells` what JupyterLab would save.
_SCRIPT = r"""
window.course = (() => {
  const HEADING = 'h1, h2, h3, h4, h5, h6';
  const BLOCK = `p, li, td, th, pre, figcaption, caption, dt, dd, summary, blockquote, figure, div, ${HEADING}`;
  const LANGUAGE = '[lang|="en"]:not(html), [lang|="zh"]:not(html)';
  const panels = () => [...(window.jupyterapp?.shell?.widgets('main') ?? [])];
  const panel = path => panels().find(widget => widget.context?.path === path);
  const context = root => panels().find(widget => widget.node.contains(root)).context;
  const cells = root => context(root).model.toJSON().cells;
  const text = source => Array.isArray(source) ? source.join('') : source;
  const short = string => string.trim().replace(/\s+/g, ' ').slice(0, 120);
  const nodes = root => [...root.querySelectorAll('.jp-Cell')];
  const place = (root, node) => `cell ${nodes(root).indexOf(node.closest('.jp-Cell'))}`;
  const visible = node => {
    const {width, height} = node.getBoundingClientRect();
    return node.checkVisibility({visibilityProperty: true, opacityProperty: true}) && width > 0 && height > 0;
  };
  const scroller = root => root.querySelector('.jp-WindowedPanel-outer') ?? root;

  const ready = path => {
    const context = panel(path)?.sessionContext;
    return Boolean(context?.isReady && context.session?.kernel?.status === 'idle'
      && context.session.kernel.connectionStatus === 'connected');
  };

  const run = root => {
    const found = cells(root);
    const problems = found.flatMap((cell, i) => (cell.outputs ?? [])
      .filter(output => output.output_type === 'error')
      .map(output => `cell ${i} raised ${output.ename}: ${output.evalue}\n${text(cell.source)}`));
    if (problems.length) return problems;
    // Not the prompt that is shown: a cell whose input is collapsed shows none.
    const unfinished = found.flatMap((cell, i) => {
      if (cell.cell_type !== 'code' || !text(cell.source).trim() || cell.execution_count) return [];
      return [`cell ${i} has not run to its end\n${text(cell.source)}`];
    });
    if (unfinished.length) return unfinished;
    const status = context(root).sessionContext.session?.kernel?.status;
    return status === 'idle' ? [] : [`the kernel is not idle after the last cell, but ${status}`];
  };
  // An error ends a run: the cells after it are never run, and waiting for them is in vain.
  const failed = (root, check) => check === 'run'
    && cells(root).some(cell => cell.outputs?.some(output => output.output_type === 'error'));

  const standardError = root => cells(root).flatMap((cell, i) => (cell.outputs ?? [])
    .filter(output => output.name === 'stderr')
    .map(output => `cell ${i} writes to standard error: ${short(text(output.text))}`));

  const figures = root => {
    const problems = [...root.querySelectorAll('.jp-MarkdownOutput img, .jp-OutputArea-output img')].flatMap(image => {
      const wrong = [];
      if (!image.complete || image.naturalWidth === 0) wrong.push('cannot be loaded');
      else if (!visible(image)) wrong.push('is not visible');
      if (!image.alt.trim()) wrong.push('has no alternative text');
      return wrong.map(what => `${place(root, image)}: an image ${what}: ${short(image.alt)}`);
    });
    for (const figure of root.querySelectorAll('figure'))
      for (const language of ['en', 'zh'])
        if (!figure.querySelector(`figcaption [lang|="${language}"]`)?.textContent.trim())
          problems.push(`${place(root, figure)}: a figure has no caption in "${language}"`);
    return problems;
  };

  // The visible text of prose and outputs, block by block.
  const blocks = (root, skipped) => {
    const found = new Map();
    for (const area of root.querySelectorAll('.jp-MarkdownOutput, .jp-OutputArea-output')) {
      const walker = document.createTreeWalker(area, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const parent = node.parentElement;
        if (!node.data.trim() || parent.closest(skipped) || !visible(parent)) continue;
        const block = parent.closest(BLOCK);
        found.set(block, (found.get(block) ?? '') + node.data);
      }
    }
    return [...found];
  };

  const math = root => {
    const problems = [];
    cells(root).forEach((cell, i) => {
      if (cell.cell_type !== 'markdown') return;
      const source = text(cell.source).replace(/```[^]*?```|~~~[^]*?~~~|`[^`]*`|\\\$/g, '');
      const expected = (source.match(/\$\$[^]+?\$\$|\$[^$]+\$/g) ?? []).length;
      const shown = nodes(root)[i].querySelectorAll('.jp-MarkdownOutput mjx-container').length;
      if (shown < expected) problems.push(`cell ${i}: ${expected} formulas in the source, ${shown} rendered`);
    });
    for (const error of root.querySelectorAll('mjx-merror'))
      problems.push(`${place(root, error)}: MathJax: ${error.dataset.mjxError}`);
    // A macro that MathJax does not know is shown in red, by its name.
    for (const name of root.querySelectorAll('mjx-container mtext[mathcolor="red"]'))
      problems.push(`${place(root, name)}: MathJax: unknown ${name.textContent}`);
    for (const [block, shown] of blocks(root, 'code, pre, mjx-container'))
      if (/\$\$|\$[^\s$][^$]*\$|\\[A-Za-z]{2,}/.test(shown))
        problems.push(`${place(root, block)}: raw formula: ${short(shown)}`);
    return problems;
  };

  const languages = (root, shown) => {
    const problems = [];
    for (const node of root.querySelectorAll(LANGUAGE)) {
      const language = node.lang.split('-')[0];
      const wanted = shown === 'both' || shown === language;
      // What stands in a closed <details> is one click away, in its language.
      if (wanted && node.parentElement.closest('details:not([open])')) continue;
      const is = wanted ? 'is not' : 'is';
      if (wanted !== visible(node))
        problems.push(`${place(root, node)}: "${language}" ${is} visible: ${short(node.textContent)}`);
    }
    const shared = `${HEADING}, .course-language, mjx-container`;
    for (const [block, seen] of blocks(root, `${shared}, ${LANGUAGE}`))
      if (block.closest('.jp-MarkdownOutput') && /\p{Letter}/u.test(seen))
        problems.push(`${place(root, block)}: no switch reaches: ${short(seen)}`);
    for (const [block, seen] of blocks(root, shared)) {
      // English prose gives a term's Chinese in parentheses.
      const own = block.closest('[lang|="en"]:not(html)') ? seen.replace(/[(（][^()（）]*[)）]/g, '') : seen;
      if (shown === 'en' && /\p{Script=Han}/u.test(own))
        problems.push(`${place(root, block)}: Chinese in English alone: ${short(own)}`);
    }
    return problems;
  };

  // Without the empty space below the last cell.
  const height = root => {
    const bottom = nodes(root).at(-1).getBoundingClientRect().bottom;
    return Math.ceil(bottom - scroller(root).getBoundingClientRect().top + scroller(root).scrollTop);
  };
  const scrollTo = (root, top) => {
    const node = scroller(root);
    node.scrollTop = top;
    const {x, y} = node.getBoundingClientRect();
    return {x, y, width: node.clientWidth, height: node.clientHeight, top: Math.round(node.scrollTop)};
  };

  return {panel, ready, run, failed, standardError, figures, math, languages, height, scrollTo};
})();
"""
