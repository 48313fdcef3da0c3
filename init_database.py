"""Prepare the data folder: ``python init_database.py --create-tables``. Knows the flags only."""

import argparse
import sys

from configs import load_settings
from configs.settings import SettingsError
from server.errors import ZhiwenError
from server.language import choose_language


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the flags."""
    parser = argparse.ArgumentParser(description="Prepare the database. 初始化数据库。")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument(
        "--create-tables", action="store_true", help="create or upgrade the tables 创建或升级数据表"
    )
    group.add_argument(
        "-r", "--recreate-vs", action="store_true", help="build all indexes anew 重建全部索引"
    )
    takes = "take in new and edited files in content/ 将 content/ 中新增或改动的文件入库"
    group.add_argument("-i", "--increment", "--incremental", action="store_true", help=takes)
    group.add_argument(
        "--new-key", action="store_true", help="make a new API key, the old one ends 更换 API 密钥"
    )
    parser.add_argument(
        "-n", "--kb-name", nargs="+", default=[], help="only these, with -i 仅处理这些知识库"
    )
    return parser


def main() -> int:
    """Read flags and settings, do what was asked for, and return the exit status."""
    flags = make_parser().parse_args()
    from server.increment import increment
    from server.knowledge_base.maintenance import create_tables, mint_key, recreate_indexes

    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        if flags.create_tables:
            create_tables(settings)
        if flags.recreate_vs:
            recreate_indexes(settings)
        if flags.new_key:
            print(mint_key(settings))
        if flags.increment:
            return increment(settings, flags.kb_name)
    except ZhiwenError as error:
        print(error.message(choose_language(settings.server.language)), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
