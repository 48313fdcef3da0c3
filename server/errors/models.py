"""Errors about models, prompts, questions and answers."""

from server.errors.base import BadInput, NotFound, Unavailable


class EmptyQuestion(BadInput):
    """A question without a letter or digit."""

    code = "empty_question"
    en = "The question is empty. Write a question in Chinese or English."
    zh = "问题为空，请输入中文或英文问题。"


class UnknownPrompt(BadInput):
    """A prompt template that ``prompts.yaml`` does not have."""

    status = 404
    code = "unknown_prompt"
    en = "There is no prompt {name!r} under {group!r}. Known: {known}."
    zh = "{group!r} 下没有名为 {name!r} 的提示模板。可用的有：{known}。"


class PromptTooLong(BadInput):
    """The prompt leaves no room for an answer; both counts are in tokens."""

    status = 400
    code = "context_length_exceeded"
    en = "The prompt takes {tokens} tokens, the context window has {limit}. Shorten it."
    zh = "提示词共 {tokens} 个词元，超出模型上下文窗口 {limit}，请缩短。"


class UnknownMessage(NotFound):
    """No stored answer has that id."""

    code = "unknown_message"
    en = "There is no message with the id {message_id!r}."
    zh = "没有 id 为 {message_id!r} 的消息。"


class UnknownConversation(NotFound):
    """No conversation has that id."""

    code = "unknown_conversation"
    en = "There is no conversation with the id {conversation_id!r}. It may have been deleted."
    zh = "没有 id 为 {conversation_id!r} 的对话，可能已被删除。"


class UnknownModel(NotFound):
    """No worker serves a model of that name."""

    code = "model_not_found"
    en = "No worker serves a model called {model!r}. Served now: {known}."
    zh = "没有名为 {model!r} 的模型在运行。当前可用：{known}。"


class NoLanguageModel(Unavailable):
    """The request needs a language model and none is configured."""

    code = "no_language_model"
    en = (
        "No language model is served, so there is no free chat. Set llm.base_url in zhiwen.yaml to "
        "an OpenAI-style endpoint, or ask a knowledge base: that works without a model."
    )
    zh = (
        "当前没有可用的大模型，无法自由对话。请在 zhiwen.yaml 中将 llm.base_url 设为 OpenAI 风格的"
        "接口地址，或向知识库提问（无需模型）。"
    )


class LanguageModelFailed(Unavailable):
    """The language model did not answer, or broke off; ``reason_en``/``reason_zh`` say how."""

    status = 502
    code = "language_model_failed"
    en = "The language model at {base_url} failed: {reason_en}."
    zh = "位于 {base_url} 的大模型出错：{reason_zh}。"


class ModelFailed(Unavailable):
    """A model could not be loaded or failed; ``reason_en`` and ``reason_zh`` say how."""

    code = "model_failed"
    en = "The model {model!r} failed: {reason_en}"
    zh = "模型 {model!r} 出错：{reason_zh}"


class ModelBusy(Unavailable):
    """As many requests wait for a model as may."""

    status = 429
    code = "model_busy"
    en = "{waiting} requests already wait for the model {model!r}. Try again in a few seconds."
    zh = "已有 {waiting} 个请求在等待模型 {model!r}，请几秒后重试。"


class EmbeddingFailed(Unavailable):
    """The embedding model could not be loaded or failed; ``reason`` says how."""

    code = "embedding_failed"
    en = "The embedding model {model!r} failed: {reason}"
    zh = "向量模型 {model!r} 出错：{reason}"


class RerankingFailed(Unavailable):
    """The reranker could not be loaded or failed; ``reason_en`` and ``reason_zh`` say how."""

    code = "reranking_failed"
    en = "The reranker {model!r} failed: {reason_en}"
    zh = "重排模型 {model!r} 出错：{reason_zh}"
