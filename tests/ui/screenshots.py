"""Draws the pictures of ``docs/images`` anew: ``python -m tests.ui.screenshots``.

Every page in both languages, with the sample documents. Fails when a page complains on the
console, asks anything but the product, shows an error, or when a text is missing.
"""

import logging
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from configs import ROOT
from tests.e2e.processes import new_place
from tests.ui.browser import ARGUMENTS, Record, find_chromium, wait_until_drawn
from tests.ui.product import Product, run_product
from webui_pages.catalogue import translate

logger = logging.getLogger(__name__)

FOLDER = ROOT / "docs" / "images"
MAX_BYTES = 200_000
WITHIN_MS = 60_000
TALL = {"evaluation": 1160, "system": 1120}  # pixels, where 900 would cut off something
KEY = "a-key-for-the-pictures"
LOCALES = {"en": "en-US", "zh": "zh-CN"}
# What a picture shows in place of this machine's ports and folders.
PORTS = {
    "port": 7861,
    "ui_port": 8501,
    "controller_port": 20001,
    "endpoint_port": 20000,
    "worker_port": 20002,
}
TIDY = """changes => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode())
    for (const [from, to] of changes)
      walk.currentNode.nodeValue = walk.currentNode.nodeValue.replaceAll(from, to);
}"""


@dataclass(frozen=True)
class Scene:
    """A page of the product in one language."""

    page: Page
    product: Product
    language: str

    def text(self, key: str, **values: object) -> str:
        """Return a text as this scene shows it."""
        return translate(key, "zh" if self.language == "zh" else "en", **values)

    def open(self, path: str = "/") -> None:
        self.page.goto(f"{self.product.url}{path}")
        expect(self.page.locator("h1, h3").first).to_be_visible()
        wait_until_drawn(self.page)


def draw_welcome(scene: Scene) -> None:
    scene.open()


def draw_chat(scene: Scene) -> None:
    scene.open()
    for number in (1, 3):
        question = scene.text(f"chat.sample_{number}")
        scene.page.get_by_test_id("stChatInputTextArea").fill(question)
        scene.page.keyboard.press("Enter")
        messages = scene.page.get_by_test_id("stChatMessage")
        expect(messages).to_have_count(2 if number == 1 else 4)
        expect(messages.last.locator('a[href^="#copy-"]')).to_be_visible()
        wait_until_drawn(scene.page)


def draw_source(scene: Scene) -> None:
    draw_chat(scene)
    scene.page.locator('a[href^="#source-"]').first.click()
    expect(scene.page.get_by_role("dialog").locator("mark.zw-quote").first).to_be_visible()


def draw_knowledge_bases(scene: Scene) -> None:
    scene.open("/knowledge_bases")


def draw_upload(scene: Scene) -> None:
    scene.open(f"/knowledge_bases?kb={make_shelf(scene)}")
    plan = b"# Plan\n\nThe greenhouse opens on 4 May."
    send(scene, {"plan.md": plan, "copy of plan.md": plan, "scan.txt": b"", "a.exe": b"MZ"})
    dismiss = scene.page.get_by_role("button", name=scene.text("jobs.dismiss"))
    expect(dismiss).to_be_visible()
    expect(scene.page.locator(".zw-refused")).to_have_count(2)


def draw_progress(scene: Scene) -> None:
    """Draw an upload under way; the knowledge base goes with the next one of its name."""
    scene.open(f"/knowledge_bases?kb={make_shelf(scene)}")
    rows = "".join(f"Bed {number} gets {number * 3} litres.\n\n" for number in range(150_000))
    send(scene, {"plan.md": b"# Plan", "scan.txt": b"", "irrigation.txt": rows.encode()})
    working = scene.page.locator(".zw-working").filter(has_text="irrigation.txt")
    expect(working).to_contain_text(re.compile(r"\d+ (of|/) \d{3,}"))
    expect(scene.page.locator(".zw-working")).to_have_count(1)


def send(scene: Scene, files: dict[str, bytes]) -> None:
    """Give files to the upload field and press the button."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        field = scene.page.get_by_test_id("stFileUploaderDropzoneInput")
        field.set_input_files([Path(folder) / name for name in files])
        label = scene.text("knowledge_bases.upload_start", count=len(files))
        scene.page.get_by_role("button", name=label).click()
        expect(scene.page.locator('[class*="st-key-kb_job_"]').first).to_be_visible()


def draw_versions(scene: Scene) -> None:
    name = make_shelf(scene)
    for litres in (20, 25, 30):
        scene.product.api(
            "POST",
            f"/knowledge_bases/{name}/files",
            files={"files": ("plan.md", f"# Plan\n\nBed 1 gets {litres} litres a day.".encode())},
            data={"override": "true"},
        )
    scene.open(f"/knowledge_bases?kb={name}")
    scene.page.get_by_role("button", name="plan.md").click()
    scene.page.get_by_role("tab", name=scene.text("knowledge_bases.view_versions")).click()
    restore = scene.text("knowledge_bases.version_restore")
    expect(scene.page.get_by_role("button", name=restore)).to_have_count(2)


def make_shelf(scene: Scene) -> str:
    """Make an empty knowledge base and return its name."""
    name = {"en": "greenhouse", "zh": "温室"}[scene.language]
    scene.product.make_kb(name)
    return name


def draw_file(scene: Scene) -> None:
    scene.open("/knowledge_bases?kb=samples")
    name = {"en": "crop-recipes.md", "zh": "员工手册.md"}[scene.language]
    scene.page.get_by_role("button", name=name).click()
    scene.page.get_by_role("tab", name=scene.text("knowledge_bases.view_chunks")).click()
    expect(scene.page.locator(".zw-chunk").first).to_be_visible()


def draw_search(scene: Scene) -> None:
    scene.open("/knowledge_bases?kb=samples")
    scene.page.get_by_role("tab", name=scene.text("knowledge_bases.tab_search")).click()
    field = scene.page.get_by_label(scene.text("knowledge_bases.search_label"))
    field.fill(scene.text("chat.sample_2"))
    field.press("Enter")
    expect(scene.page.locator(".zw-chunk").first).to_be_visible()


def draw_evaluation(scene: Scene) -> None:
    """Measure the samples with their own questions."""
    sets = "/knowledge_bases/samples/test_sets"
    for test_set in scene.product.api("GET", sets).json():
        scene.product.api("DELETE", f"{sets}/{test_set['id']}")
    content = (ROOT / "samples" / "questions.yaml").read_bytes()
    name = {"name": scene.text("evaluation.set_name_samples")}
    files = {"file": ("questions.yaml", content)}
    scene.product.api("POST", f"{sets}/import", files=files, data=name)
    scene.open("/evaluation?kb=samples")
    scene.page.locator(".st-key-evaluation_begin button").first.click()
    expect(scene.page.locator(".zw-figure")).to_have_count(5)


def draw_system(scene: Scene) -> None:
    scene.open("/system")
    expect(scene.page.locator(".zw-pairs").first).to_be_visible()


def draw_login(scene: Scene) -> None:
    scene.page.goto(scene.product.url)
    expect(scene.page.get_by_role("textbox")).to_be_visible()


SCENES: dict[str, tuple[Callable[[Scene], None], tuple[str, ...]]] = {
    "welcome": (draw_welcome, ("light",)),
    "chat": (draw_chat, ("light", "dark")),
    "source": (draw_source, ("light", "dark")),
    "knowledge_bases": (draw_knowledge_bases, ("light",)),
    "upload": (draw_upload, ("light",)),
    "progress": (draw_progress, ("light",)),
    "file": (draw_file, ("light",)),
    "versions": (draw_versions, ("light",)),
    "search": (draw_search, ("light",)),
    "evaluation": (draw_evaluation, ("light",)),
    "system": (draw_system, ("light",)),
}


def main() -> int:
    """Draw all pictures and return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    expect.set_options(timeout=WITHIN_MS)
    wanted = set(sys.argv[1:]) or {*SCENES, "login"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        problems = draw_product(browser, wanted) if wanted & {*SCENES} else []
        if "login" in wanted:
            problems += draw_guarded(browser)
        browser.close()
    for problem in problems:
        logger.error("%s", problem)
    return 1 if problems else 0


def draw_product(browser: Browser, wanted: set[str]) -> list[str]:
    """Draw the pages and return what is wrong with them."""
    problems: list[str] = []
    with started() as product:
        for name, (draw, themes) in SCENES.items():
            for theme in themes if name in wanted else ():
                for language in LOCALES:
                    picture = f"{name}_{language}{'_dark' if theme == 'dark' else ''}"
                    problems += take(browser, product, draw, picture, theme=theme)
        problems += product.tracebacks
    return problems


def draw_guarded(browser: Browser) -> list[str]:
    """Draw the login page and return what is wrong with it."""
    settings = {"ZHIWEN_UI__HOST": "0.0.0.0", "ZHIWEN_API_KEY": KEY}
    with started(KEY, **settings) as product:
        return [
            problem
            for language in LOCALES
            for problem in take(browser, product, draw_login, f"login_{language}", theme="light")
        ]


@contextmanager
def started(key: str = "", **settings: str) -> Iterator[Product]:
    """Run a product in a folder that is gone afterwards."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="zhiwen-"))
        yield stack.enter_context(run_product(new_place(Path(folder), **settings), key))


def take(
    browser: Browser,
    product: Product,
    draw: Callable[[Scene], None],
    picture: str,
    *,
    theme: str,
) -> list[str]:
    """Draw a page, keep its picture and return what is wrong with it."""
    language = "zh" if "_zh" in picture else "en"
    context = browser.new_context(
        locale=LOCALES[language],
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": 1280, "height": TALL.get(picture.partition("_")[0], 900)},
        timezone_id="Asia/Shanghai",
    )
    context.set_default_timeout(WITHIN_MS)
    page = context.new_page()
    record = Record(product.url.removeprefix("http://"))
    record.watch(page)
    product.forget_conversations()
    draw(Scene(page, product, language))
    if page.get_by_test_id("stApp").count():  # the login page is none of Streamlit's
        wait_until_drawn(page)
    page.evaluate(TIDY, neutral(product))
    path = FOLDER / f"{picture}.png"
    FOLDER.mkdir(exist_ok=True)
    page.screenshot(path=path, animations="disabled")
    problems = record.problems
    problems += [
        f"shows an error: {t}" for t in page.get_by_test_id("stException").all_inner_texts()
    ]
    if path.stat().st_size > MAX_BYTES:
        problems.append(f"is larger than {MAX_BYTES} bytes")
    context.close()
    logger.info("%s: %s", picture, "; ".join(problems) or "fine")
    return [f"{picture}: {problem}" for problem in problems]


def neutral(product: Product) -> list[tuple[str, str]]:
    """Return what to replace in a picture, and with what."""
    ports = [(f":{getattr(product.place, name)}", f":{port}") for name, port in PORTS.items()]
    return [(str(product.place.folder), "/srv/zhiwen"), *ports]


if __name__ == "__main__":
    sys.exit(main())
