#!/bin/sh
# Stop Zhiwen: exactly the processes that startup.py started. 停止 startup.py 启动的全部进程。
cd "$(dirname "$0")" || exit 1
python=.venv/bin/python
[ -x "$python" ] || python=python3
exec "$python" -m server.supervisor.shutdown
