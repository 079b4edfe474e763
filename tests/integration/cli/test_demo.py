"""The demo as a newcomer starts it: a process of its own."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

DEMO = [sys.executable, "-m", "services.cli", "demo"]


def test_the_demo_prints_its_figures_as_json_and_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--once", "--json", "--people", "120"],
        cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["people"] == 120
    assert figures["created"] > 80
    assert figures["findings"] == 3
    assert figures["second_run_commands"] == 0
    assert figures["state"] == "done"
    assert figures["extensions_after"] >= figures["created"]
    next_day = figures["next_day"]
    assert next_day["deleted"] == 1
    assert next_day["created"] == 2
    assert next_day["extensions_after"] == figures["extensions_after"] + 1
    assert list(tmp_path.iterdir()) == []


def test_the_demo_stays_up_with_its_api_until_it_is_stopped(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*DEMO, "--people", "20"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        shown = ""
        while "Ctrl+C ends the demo" not in shown:
            line = process.stdout.readline()
            assert line, process.communicate()
            shown += line
        assert "Plan: " in shown
        assert "Log" in shown
        found = re.search(r"Bearer (rc_\S+)' (http://\S+)", shown)
        assert found is not None, shown
        with urlopen(Request(found[2], headers={"Authorization": f"Bearer {found[1]}"})) as answer:
            kinds = [run["kind"] for run in json.load(answer)["items"]]
        assert kinds.count("full") == 3
        assert "changes" in kinds
        assert "In the phone system after" in shown
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0
