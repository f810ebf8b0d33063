"""Our server as it runs in production, for the benches."""

import os

import uvicorn

from bench.payments import SIMULATED
from hakika.config import read_settings
from hakika.logs import configure_logs
from hakika.main import build_server

if __name__ == "__main__":
    configure_logs("json", "info")
    settings = read_settings(database_url=os.environ["DATABASE_URL"], **SIMULATED)
    port = int(os.environ["BENCH_PORT"])
    uvicorn.run(build_server(settings), port=port, access_log=False, log_level="warning", proxy_headers=False)
