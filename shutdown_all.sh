#!/bin/sh
# Stop exactly what startup.py, server/llm_api.py and server/api.py run on the configured data folder.
# $PYTHON chooses the interpreter; else the active environment, .venv, or the system's.
cd "$(dirname "$0")" || exit 1
for python in "$PYTHON" "$VIRTUAL_ENV/bin/python" .venv/bin/python python3; do
  if "$python" -c "import psutil, pydantic_settings" 2>/dev/null; then
    exec "$python" -m server.supervisor.shutdown
  fi
done
echo "No Python with Zhiwen's packages was found; set PYTHON. 未找到装有所需依赖的 Python，请设置 PYTHON。" >&2
exit 1
