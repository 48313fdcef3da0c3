"""Errors about test sets and their runs."""

from server.errors.base import BadInput, Conflict, NotFound


class UnknownTestSet(NotFound):
    """The knowledge base has no test set of that id."""

    code = "unknown_test_set"
    en = "The knowledge base {knowledge_base!r} has no test set with the id {set_id}."
    zh = "知识库 {knowledge_base!r} 中没有 id 为 {set_id} 的测试集。"


class UnknownTestQuestion(NotFound):
    """The test set has no question of that id."""

    code = "unknown_test_question"
    en = "The test set {set_id} has no question with the id {question_id}."
    zh = "测试集 {set_id} 中没有 id 为 {question_id} 的问题。"


class UnknownRun(NotFound):
    """No evaluation run has that id."""

    code = "unknown_run"
    en = "There is no evaluation run with the id {run_id}."
    zh = "没有 id 为 {run_id} 的评测。"


class DuplicateTestSet(Conflict):
    """The name is taken in this knowledge base."""

    code = "duplicate_test_set"
    en = "There is already a test set called {name!r} here. Choose another name."
    zh = "此处已有名为 {name!r} 的测试集，请换一个名称。"


class InvalidTestSet(BadInput):
    """Questions that cannot be used; ``problem_en`` and ``problem_zh`` say which and why."""

    code = "invalid_test_set"
    en = "The test questions cannot be used: {problem_en}"
    zh = "测试问题无法使用：{problem_zh}"


class NothingToRun(BadInput):
    """The test set has no question that a person accepted."""

    code = "nothing_to_run"
    en = "The test set {name!r} has no accepted question. Add questions, or accept its drafts."
    zh = "测试集 {name!r} 中没有已采纳的问题。请添加问题，或采纳其中的草稿。"


class RunNotDone(Conflict):
    """The run has not ended well, so there is nothing to compare."""

    code = "run_not_done"
    en = "The evaluation run {run_id} is {status!r}. Only runs that are done can be compared."
    zh = "评测 {run_id} 的状态为 {status!r}，只有已完成（done）的评测才能比较。"


class RunsDiffer(BadInput):
    """The runs have no question in common."""

    code = "runs_differ"
    en = "The two evaluation runs have no question in common, so they cannot be compared."
    zh = "两次评测没有相同的问题，无法比较。"


class RunInterrupted(Conflict):
    """The service ended during the run."""

    code = "run_interrupted"
    en = "The service ended during the evaluation run. Begin it again."
    zh = "评测期间服务已停止，请重新开始评测。"


class NotReranked(Conflict):
    """The reranker of a run failed, so its figures would be those of no reranker."""

    code = "not_reranked"
    en = "The evaluation run would not measure its reranker. {reason}"
    zh = "本次评测无法评测所选重排模型。{reason}"
