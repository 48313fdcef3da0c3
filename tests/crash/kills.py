"""Kills at random moments while clients upload, replace, delete and search in all ways at once."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx

from tests.crash.api import DEAD, Api, Folder, running, wait_childless
from tests.crash.audit import age, check_folder
from tests.crash.documents import KbAllowed, World, marker_of, write_document
from tests.crash.seen import check_world, search

KBS = ("left", "right")  # the load uploads into both; more come and go
WRITERS = 4
SENTENCES = 30  # at most, of a file
DELETED, AS_JOB, GONE = 0.25, 0.3, 0.8  # how often a file, an upload, a guest is one
EARLIEST_S, LATEST_S = 0.05, 3.5  # when a kill comes, counted from the start of the load
AT_START = 0.2  # of the kills come while the service still starts
START_S = 0.6  # about how long that takes once everything is imported


@dataclass
class Ledger:
    """What the clients were told; all that it allows must be there after a kill."""

    kbs: dict[str, KbAllowed] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    told: int = 0  # changes that were acknowledged

    def may(self, kb: str, name: str, content: bytes | None) -> bool:
        """Note that a file may become this; return whether it might be missing so far."""
        with self.lock:
            allowed = self.kbs[kb].files.get(name, frozenset({None}))
            self._put(kb, name, allowed | {content})
            return None in allowed

    def must(self, kb: str, name: str, content: bytes | None) -> None:
        """Note that a file is this, because the service said so."""
        with self.lock:
            self._put(kb, name, frozenset({content}))
            self.told += 1

    def kb(self, name: str, *, may_exist: bool, may_be_missing: bool) -> None:
        """Note what is known of a knowledge base as a whole."""
        with self.lock:
            known = self.kbs.get(name, KbAllowed({}))
            self.kbs[name] = replace(known, may_exist=may_exist, may_be_missing=may_be_missing)

    def see(self, world: World) -> None:
        """Note what was found after a kill: from now on nothing else is allowed."""
        self.kbs = {
            name: KbAllowed({file: frozenset({content}) for file, content in kb.files.items()})
            for name, kb in world.items()
        }

    def _put(self, kb: str, name: str, allowed: frozenset[bytes | None]) -> None:
        known = self.kbs[kb]
        self.kbs[kb] = replace(known, files={**known.files, name: allowed})


@dataclass
class Load:
    """Clients that work until the process dies; what should not have happened is in ``wrong``."""

    api: Api
    ledger: Ledger
    round: int
    seed: int
    wrong: list[str] = field(default_factory=list)

    def start(self) -> list[threading.Thread]:
        """Begin; each thread ends when the process is gone."""
        works: list[Callable[[random.Random, int], None]] = [self.write] * WRITERS
        works += [self.come_and_go, self.ask]
        threads = [
            threading.Thread(target=self.repeat, args=(work, number))
            for number, work in enumerate(works)
        ]
        for thread in threads:
            thread.start()
        return threads

    def repeat(self, work: Callable[[random.Random, int], None], number: int) -> None:
        """Work until the process dies."""
        chance = random.Random(f"{self.seed} {self.round} {number}")
        try:
            while True:
                work(chance, number)
        except DEAD:
            return
        except AssertionError as error:
            self.wrong.append(str(error))

    def write(self, chance: random.Random, number: int) -> None:
        """Change a file that no other thread changes, and read what was written."""
        kb, name = chance.choice(KBS), f"{number}-{chance.randrange(3)}.md"
        path = f"/knowledge_bases/{kb}/files"
        if chance.random() < DELETED:
            may_be_missing = self.ledger.may(kb, name, None)
            answer = self.api.request("DELETE", f"{path}/{name}")
            self.expect(answer, 204, *((404,) if may_be_missing else ()))
            self.ledger.must(kb, name, None)
            return
        content = write_document(name, chance.getrandbits(40), chance.randint(3, SENTENCES))
        self.ledger.may(kb, name, content)
        background = chance.random() < AS_JOB
        form = {"override": "true", "background": str(background).lower()}
        answer = self.api.request("POST", path, files={"files": (name, content)}, data=form)
        self.expect(answer, 202 if background else 201)
        self.ledger.must(kb, name, content)  # 202 too: it is durable, and its job will end
        if background:
            job = self.api.wait_job(answer.json()["id"])
            assert job["status"] == "done", job
        self.find(kb, content)

    def come_and_go(self, chance: random.Random, number: int) -> None:
        """Create a knowledge base, fill it and, mostly, delete it."""
        name = f"guest-{self.round}-{chance.getrandbits(40):x}"
        path = f"/knowledge_bases/{name}"
        self.ledger.kb(name, may_exist=True, may_be_missing=True)
        body = {"name": name, "chunk_size": 250, "chunk_overlap": 0}
        self.expect(self.api.request("POST", "/knowledge_bases", json=body), 201)
        self.ledger.kb(name, may_exist=True, may_be_missing=False)
        contents = {f"{n}.md": write_document(name, n) for n in range(3)}
        for file, content in contents.items():
            self.ledger.may(name, file, content)
        files = [("files", item) for item in contents.items()]
        self.expect(self.api.request("POST", f"{path}/files", files=files), 201)
        for file, content in contents.items():
            self.ledger.must(name, file, content)
            self.find(name, content)
        if chance.random() < GONE:
            self.ledger.kb(name, may_exist=True, may_be_missing=True)
            self.expect(self.api.request("DELETE", path), 204)
            self.ledger.kb(name, may_exist=False, may_be_missing=True)

    def ask(self, chance: random.Random, number: int) -> None:
        """Search where others write."""
        search(self.api, chance.choice(KBS), f"how heavy is item {chance.randrange(SENTENCES)}")

    def find(self, kb: str, content: bytes) -> None:
        """Check that what was acknowledged is found at once."""
        mark = marker_of(content)
        hits, _ = search(self.api, kb, mark)
        assert any(mark in hit["text"] for hit in hits), f"{mark} of {kb} was told, but not found"

    def expect(self, answer: httpx.Response, *right: int) -> None:
        """Check the status of an answer."""
        assert answer.status_code in right, (
            f"{answer.request.url} {answer.status_code} {answer.text}"
        )


def prepare(folder: Folder, ledger: Ledger) -> None:
    """Create the knowledge bases that stay."""
    with running(folder) as api:
        for name in KBS:
            body = {"name": name, "chunk_size": 250, "chunk_overlap": 0}
            assert api.request("POST", "/knowledge_bases", json=body).status_code == 201
            ledger.kb(name, may_exist=True, may_be_missing=False)
        api.stop()


def kill_once(folder: Folder, ledger: Ledger, number: int, seed: int) -> str:
    """Kill the loaded service at a random moment, start it again and check; tell when it was."""
    chance = random.Random(f"{seed} {number}")
    wrong: list[str] = []
    told = ledger.told
    with running(folder, is_awaited=False) as api:
        if chance.random() < AT_START:
            moment, when = chance.uniform(0, START_S), "after the start"
            time.sleep(moment)
            api.kill()
        else:
            assert api.wait_ready(), api.output()
            load = Load(api, ledger, number, seed, wrong)
            moment, when = chance.uniform(EARLIEST_S, LATEST_S), "under load"
            threads = load.start()
            time.sleep(moment)
            api.kill()
            for thread in threads:
                thread.join()
        assert wrong == [], "\n".join(wrong)
    age(folder)
    check_after(folder, ledger)
    return f"{moment:.2f} s {when}, {ledger.told - told} changes acknowledged"


def check_after(folder: Folder, ledger: Ledger) -> None:
    """Start again and check that all is there that the clients were told."""
    with running(folder) as api:
        wait_childless(folder, api.process.pid)
        api.wait_all_jobs()
        check_folder(folder)
        ledger.see(check_world(api, ledger.kbs))
        api.stop()
