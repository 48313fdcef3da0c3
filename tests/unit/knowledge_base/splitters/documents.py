"""Documents in Chinese and English for the tests of the splitters."""

from server.datatypes import Block, Document

SENTENCES_ZH = [f"第{number}句话说明了一件重要的事情。" for number in "一二三四五六七八九十"]
SENTENCES_EN = [f"The {word} sentence says one thing." for word in ("first", "second", "third")] * 4
ROWS_ZH = [f"物料：零件{number}；单价：{number * 3} 元；库存：{number}" for number in range(1, 31)]
ROWS_EN = [f"Part: bolt {number}; Price: {number * 3}; Stock: {number}" for number in range(1, 31)]


def document(*blocks: Block | str) -> Document:
    wrapped = (Block(block) if isinstance(block, str) else block for block in blocks)
    return Document("t", tuple(wrapped))


def section(*path: str, text: str) -> list[Block]:
    """Return a heading with the text below it."""
    return [Block(path[-1], "heading", headings=path[:-1]), Block(text, headings=path)]
