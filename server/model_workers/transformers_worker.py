"""Language models in this process, through transformers: one request at a time, token by token.

Knows no HTTP. Meant for small models and for hosts without an engine.
"""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.model_settings import ModelSettings
from server.errors import ModelFailed, PromptTooLong, ZhiwenError
from server.model_workers.chat_template import PromptWriter
from server.model_workers.checkpoint import check_memory, explain, find_checkpoint, missing_weights
from server.model_workers.decoding import Loaded, configure, run, sow
from server.model_workers.generator import Generation, Generator, Piece
from server.model_workers.placement import Placement, place
from server.model_workers.transcript import Transcript

if TYPE_CHECKING:
    import torch
    from transformers import GenerationConfig, PreTrainedTokenizerBase

logger = logging.getLogger(__name__)

# Where the families write how many tokens they were made for.
CONTEXT_FIELDS = ("max_position_embeddings", "n_positions", "seq_length", "max_sequence_length")
SMALLEST_CONTEXT = 2048  # for a model that does not say


class TransformersGenerator(Generator):
    """Keeps a model in memory; its one thread generates, so requests take turns."""

    def __init__(self, name: str, settings: ModelSettings) -> None:
        self.name = name
        self.settings = settings
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"generate-{name}")
        self._is_closed = threading.Event()
        self._loaded: Loaded | None = None

    def load(self) -> None:
        """Load the model.

        Raises:
            ModelFailed: it cannot be; the reason says what to do.
        """
        import torch
        from transformers.utils.logging import disable_progress_bar

        folder = find_checkpoint(self.name, self.settings.path)
        placement = place(self.name, self.settings)
        torch.set_num_threads(self.settings.threads or max(1, (os.cpu_count() or 1) - 1))
        disable_progress_bar()  # type: ignore[no-untyped-call]
        logger.info("loading %s from %s onto %s", self.name, folder, placement.device)
        try:
            self._loaded = self._read(folder, placement)
        except ZhiwenError:
            raise
        except Exception as error:  # a border: the folder decides which libraries run in there
            logger.exception("the model %s could not be loaded from %s", self.name, folder)
            raise explain(self.name, error) from error
        logger.info("%s has a context of %d tokens", self.name, self._loaded.context_tokens)

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece]:
        """Yield the pieces as they are generated; closing the iterator ends the generation.

        Raises:
            PromptTooLong, InvalidRequest: before the first piece.
            ModelFailed: before it, or later.
        """
        self._usable()
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        is_cancelled = threading.Event()

        def tell(piece: Piece) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        def end(work: asyncio.Future[None]) -> None:
            if not work.cancelled():
                work.exception()  # else asyncio complains where nobody waits for it any more
            pieces.put_nowait(None)

        work = loop.run_in_executor(self._thread, self._generate, generation, tell, is_cancelled)
        work.add_done_callback(end)
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            await work
        finally:
            is_cancelled.set()
            work.cancel()

    async def close(self) -> None:
        """End the generation within a token, and give the memory back."""
        self._is_closed.set()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        self._loaded = None

    def _usable(self) -> Loaded:
        if self._loaded is None or self._is_closed.is_set():
            raise ModelFailed(
                model=self.name,
                reason_en="it is not loaded, or is being shut down.",
                reason_zh="尚未加载，或正在关闭。",
            )
        return self._loaded

    def _read(self, folder: Path, placement: Placement) -> Loaded:
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

        source: dict[str, Any] = {
            "pretrained_model_name_or_path": folder,
            "local_files_only": True,
            "trust_remote_code": self.settings.trust_remote_code,
        }
        config = AutoConfig.from_pretrained(**source)
        if placement.device == "cpu":
            self._check_memory(folder, config.dtype, placement.dtype)
        tokenizer = AutoTokenizer.from_pretrained(**source)
        load: Any = AutoModelForCausalLM.from_pretrained  # its type forgets the report
        model, report = load(
            **source,
            config=config,
            weights_only=True,
            dtype=placement.dtype,
            device_map=placement.device_map,
            max_memory=placement.max_memory,
            output_loading_info=True,
        )
        self._check_whole(tokenizer, report["missing_keys"])
        model.eval()
        return Loaded(
            model=model,
            prompts=PromptWriter(self.name, tokenizer),
            context_tokens=find_context(config, self.settings.context_tokens),
            ends=find_ends(model.generation_config, tokenizer),
        )

    def _check_memory(
        self, folder: Path, stored: "torch.dtype | None", wanted: "torch.dtype | str"
    ) -> None:
        import torch

        if isinstance(wanted, torch.dtype):
            check_memory(self.name, folder, stored=stored or torch.float32, wanted=wanted)

    def _check_whole(self, tokenizer: "PreTrainedTokenizerBase", missing: set[str]) -> None:
        """Refuse what transformers would make up: weights at random, a tokenizer without words."""
        if missing:
            raise missing_weights(
                self.name, Path(self.settings.path), ", ".join(sorted(missing)[:3])
            )
        if not tokenizer("Hi")["input_ids"]:
            raise ModelFailed(
                model=self.name,
                reason_en="its folder has no tokenizer (tokenizer.json). Download the model again.",
                reason_zh="其目录中没有分词器（tokenizer.json）。请重新下载模型。",
            )

    def _generate(
        self, generation: Generation, tell: Callable[[Piece], None], is_cancelled: threading.Event
    ) -> None:
        """Tell the pieces of an answer, until it ends or is cancelled; runs in the thread."""
        if is_cancelled.is_set():
            return
        loaded = self._usable()
        prompt = loaded.prompts.encode(generation)
        room = loaded.context_tokens - len(prompt)
        if room < 1:
            raise PromptTooLong(tokens=len(prompt), limit=loaded.context_tokens)
        transcript = Transcript(
            loaded.prompts.decode,
            prompt_tokens=len(prompt),
            max_tokens=min(generation.max_tokens or room, room),
            ends=loaded.ends,
            stop=generation.stop,
        )

        def follow(token: int) -> bool:
            """Tell what a token brings; return whether the generation is to end."""
            if transcript.is_over or is_cancelled.is_set() or self._is_closed.is_set():
                return True
            if (piece := transcript.add(token)) is not None:
                tell(piece)
            return transcript.is_over

        try:
            sow(generation.seed)
            run(loaded, prompt, configure(loaded, generation, transcript.max_tokens), follow)
        except RuntimeError as error:
            raise explain(self.name, error) from error
        if not (transcript.is_over or is_cancelled.is_set()):
            self._usable()  # else an answer cut by ``close`` would look whole
            tell(transcript.finish("stop"))


def find_context(config: Any, wanted: int) -> int:
    """Return the context window in tokens; ``wanted`` may make it smaller, 0 leaves it."""
    text = config.get_text_config()
    made_for = next((size for f in CONTEXT_FIELDS if (size := getattr(text, f, None))), None)
    made_for = made_for or SMALLEST_CONTEXT
    return min(wanted or made_for, made_for)


def find_ends(config: "GenerationConfig", tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Return the tokens that end a turn, of the model and of its tokenizer."""
    ends = config.eos_token_id
    listed = ends if isinstance(ends, list) else [ends]
    return frozenset(end for end in (*listed, tokenizer.eos_token_id) if end is not None)
