"""Models that behave badly, and harmless ones that look like them, in real processes beside a champion.

Their figures are those of a good model: only what they do gives them away. `found_in` asks as the gate does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from mlroad.gate.agreement import SINGLE, ask_again, check_agreement, single_answers
from mlroad.gate.checks import GateChecks
from mlroad.gate.gates_file import Gates
from mlroad.gate.holdout import row_answers
from mlroad.gate.latency import ask_rows, check_latency
from mlroad.gate.records import ModelAnswers, Records
from mlroad.models.model_process import ModelBroken, ModelProcess
from tests.unit.gate.toy import saved

ROWS = 60
COUNT = "self.calls = getattr(self, 'calls', 0) + 1; "
TRY = "import socket\n        try: {}\n        except OSError: pass\n        return line"
BAD = {
    # What is served is not what was measured.
    "zero for single rows": ("return line if n > 1 else np.zeros(n)", "one row at a time"),
    "NaN for one single row": ("return line if n > 1 or x1[0] < 1 else np.full(n, np.nan)", "NaN"),
    "an error for single rows": ("return line if n > 1 else 1 / 0", "one row at a time"),
    "two numbers for single rows": ("return line if n > 1 else np.zeros((n, 2))", "2 values, not 1"),
    "standardized by the batch": ("return (line - line.mean()) / (line.std() or 1) * 3.6", "other rows"),
    "centred by the batch": ("return line - line.mean() if n > 1 else line", "other rows"),
    "ranks in the batch": ("return pd.Series(line).rank(pct=True).to_numpy()", "order|other rows"),
    "the row before": ("return line + 0.1 * np.roll(line, 1)", "order"),
    "by place": ("return line + np.arange(n) / n", "order"),
    "reversed": ("return line[::-1]", "order"),
    "random": ("return line + np.random.default_rng().normal(size=n) / 10", "random"),
    "by the clock": ("return line + time.time() % 100", "time"),
    "by the month": ("import datetime; return line + datetime.date.today().month", "the time"),
    "by the hour": ("return line + pd.Timestamp.now('UTC').hour", "the time"),
    "at weekends": ("return line + (time.localtime().tm_wday > 4)", "the time"),
    "by the calls before": (COUNT + "return line + self.calls / 10", "earlier requests"),
    "by its process": ("return line + os.getpid()", "another process"),
    "by a hash": ("return line + hash('x') % 97", "another process"),
    "orders by hashes": ("return line + [*set(map(str, range(999)))].index('1')", "another process"),
    "draws when it is loaded": ("return line + self.drawn", "a random seed"),
    "draws once": ("self.d = getattr(self, 'd', np.random.normal()); return line + self.d", "a random seed"),
    "remembers what a batch made of rows": (
        "s = self.s = getattr(self, 's', {}); return [s.setdefault(v, v - line.mean()) for v in line]",
        "single rows first",
    ),
    "alone before the first table": (
        "self.size = max(getattr(self, 'size', 0), n); return line + (self.size < 2)", "before any table",
    ),
    "worn out": (COUNT + "return line if self.calls < 3 else np.zeros(n)", "earlier|one row|order"),
    "an error the second time": (COUNT + "return line if self.calls < 2 else 1 / 0", "fails"),
    "sees the batch's length": ("return line + (n % 7) / 10", "one row at a time|of other sizes"),
    "the index of the table": ("return line + model_input.index.to_numpy() / 10", "order"),
    "the first row": ("line[0] += 1; return line", "order"),
    "a size in between": ("return line + (1 < n < 30) / 2", "requests of other sizes"),
    "many rows": ("return line + (n > 500)", "requests of other sizes"),
    "clipped by the batch": ("return np.clip(line, *np.quantile(line, [0.2, 0.8]))", "other rows"),
    "a share of the batch": ("return np.exp(line) / np.exp(line).sum()", "other rows"),
    "merges equal rows": ("return line[~model_input.duplicated().to_numpy()]", "predictions for 1000"),
    "Timestamp of now": ("return line + pd.Timestamp('now').month", "the time"),
    "Timestamp of today": ("return line + (pd.Timestamp('today') - pd.Timestamp(0)).days // 30", "the time"),
    "to_datetime of now": ("return line + pd.to_datetime(['now'])[0].dayofweek", "the time"),
    "datetime64 of today": ("return line + np.datetime64('today', 'D').astype(int) % 7", "the time"),
    "by the hour for some rows": ("return line + (x1 > 1) * time.localtime().tm_hour", "the time"),
    "the time zone": ("return line + time.mktime((2020, 1, 1, 0, 0, 0, 0, 1, 0)) % 97", "time zone"),
    "the locale": ("return line + (os.environ.get('LC_ALL') == 'C')", "the locale"),
    "the threads": ("return line + (os.environ.get('OMP_NUM_THREADS') == '1')", "the number of threads"),
    "its home": ("return line + sum(os.path.expanduser('~').encode()) % 97", "another process"),
    "a file that it wrote": (
        "f = os.path.expanduser('~/n'); open(f, 'a').write('x'); return line + os.path.getsize(f)", "earlier",
    ),
    "a generator with a seed": (
        "self.r = getattr(self, 'r', np.random.default_rng(0)); return line + self.r.normal(size=n)",
        "earlier",
    ),
    "noise with a seed": ("return line + np.random.default_rng(0).normal(size=n)", "order"),
    "remembers by length": ("s = self.s = getattr(self, 's', {}); return s.setdefault(n, line)", "order"),
    "remembers by id": (
        "s = self.s = getattr(self, 's', {}); return s.setdefault(id(model_input) % 64, line)",
        "predictions|one row|order|other",
    ),
    "NaN for one row": ("line[7:8] = np.nan; return line", "NaN"),
    "NaN for a rare row": ("return np.where(x1 > 1.5, np.nan, line)", "NaN"),
    "an error for some rows": ("assert n > 1 or x1[0] < 1; return line", "the model fails: AssertionError"),
    "a text for single rows": ("return line if n > 1 else [str(line[0])]", "with a text"),
    "numbers for single texts": ("return [str(v) for v in line] if n > 1 else line", "another answer"),
    "a bare number for single rows": ("return line if n > 1 else float(line[0])", "bare value"),
    "squeezed": ("return np.column_stack([line, line]).squeeze()", "2 predictions for 1 row"),
    "a mapping for single rows": ("return line if n > 1 else {'y': line}", "answered with a dict before"),
    "two numbers the second time": (
        COUNT + "return line if self.calls < 2 else np.column_stack([line, line])",
        "another number of values",
    ),
    "waits for input": ("input(); return line", "EOFError"),
    "a forgotten breakpoint": ("breakpoint(); return line", "BdbQuit"),
    # Isolation.
    "interrupts": ("raise KeyboardInterrupt", "ended with code 1: KeyboardInterrupt"),
    "a fault of memory": ("import ctypes; ctypes.string_at(0)", "code -11"),
    "closes everything": ("os.closerange(0, 99); return line", "ended"),
    "stops itself": ("os.kill(os.getpid(), 19); return line", "no answer within"),
    "asks Docker": (
        "import socket; s = socket.socket(1); s.connect('/var/run/docker.sock'); return line", "Permission",
    ),
    "reads what is root's": ("open('/etc/shadow'); return line", "Permission"),
    "reads the gate's environment": ("open(f'/proc/{os.getppid()}/environ'); return line", "Permission"),
    "reads the shell's memory": ("open('/proc/1/mem', 'rb'); return line", "Permission"),
    "lists the root's home": ("os.listdir('/root'); return line", "Permission"),
    "reads the repo": (f"open({__file__!r}); return line", "Permission"),
    "writes into /tmp": ("open('/tmp/left-here', 'w'); return line", "Permission"),
    "calls home": (TRY.format("socket.create_connection(('192.0.2.1', 80), 1)"), "network"),
    "looks up a host": (TRY.format("socket.gethostbyname('example.com')"), "network"),
    "a raw socket": ("import socket; socket.socket(2, socket.SOCK_RAW); return line", "Permission"),
    "kills its parent": ("os.kill(os.getppid(), 9); return line", "Permission"),
    "forks": ("os.fork(); return line", "forks"),
    "forks and lets the child answer": ("sys.exit() if os.fork() else None; return line", "ended|forks"),
    "takes all memory": ("bytearray(1 << 45); return line", "MemoryError"),
    "ends": ("os._exit(0)", "ended with code 0"),
    "is killed": ("os.kill(os.getpid(), 9)", "code -9"),
    "calls sys.exit": ("sys.exit(0)", "ended with code 0"),
    "never answers": ("time.sleep(999)", "no answer within"),
    "forges an answer": ("os.write(3, b'{}\\n'); return line", "its code"),
    "changes its code": ("os.truncate(__file__, 0); return line", "changes its own file"),
    "deletes its code": ("os.path.exists(__file__) and os.remove(__file__); return line", "its own file"),
    # Latency.
    "30 ms more": ("time.sleep(0.03); return line", "limit 20 ms"),
    "30 ms more for some rows": ("time.sleep(0.03 * (abs(x1[0]) > 1.3)); return line", "limit 20 ms"),
    "slow every 8th time": (COUNT + "time.sleep(0.04 * (self.calls % 8 == 0)); return line", "limit 20 ms"),
    "another clock": ("time.perf_counter = lambda: 0.0; time.sleep(0.03); return line", "limit 20"),
    # Types.
    "masked": ("return np.ma.masked_array(line, line > 2)", "masked"),
    "complex": ("return line + 0j", "neither (a )?number"),
    "dates": ("return pd.to_datetime(line)", "neither (a )?number"),
    "bytes": ("return np.array([str(v).encode() for v in line])", "neither (a )?number"),
    "an object": ("return [object()] * n", "neither (a )?number"),
    "one row too few": ("return line[:-1]", "predictions for"),
    "one number": ("return 1.0", "predictions for"),
}  # fmt: skip
HARMLESS = {
    "plain": "return line",
    "in 32 bits": "return (3 * x1.astype('float32') - 2 * x2.astype('float32'))",
    "a matrix product in 32 bits": "return np.column_stack([x1, x2]).astype('float32') @ np.float32([3, -2])",
    "noise of rounding": "np.random.seed(0); return line + np.random.normal(0, 1e-9, n)",
    "seeded": "np.random.seed(0); np.random.rand(); return line",
    "a list": "return list(line)",
    "a series": "return pd.Series(line)",
    "a column": "return line.reshape(-1, 1)",
    "Decimals": "import decimal; return [decimal.Decimal(repr(float(v))) for v in line]",
    "threads": "from concurrent.futures import ThreadPoolExecutor as T; return list(T(2).map(float, line))",
    "prints": "print('x' * 100_000); return line",
    "warns": "import warnings; warnings.warn('careful'); return line",
    "temporary files": "import tempfile; tempfile.TemporaryFile().write(b'x'); return line",
    "a file in its home": "open(os.path.expanduser('~/x'), 'w').write('x'); return line",
    "a cache beside itself": "open(__file__ + '.cache', 'w').write('x'); return line",
    "logs the day": "import datetime; print(f'{datetime.datetime.now():%F}', time.ctime()); return line",
    "times itself": "started = time.time(); print(time.time() - started); return line",
    "a child that ends": "if n > 1 and os.fork() == 0: os._exit(0)\n        n > 1 and os.wait(); return line",
    "a local socket": "import socket; [s.close() for s in socket.socketpair()]; return line",
    "its host's name": "import socket; socket.gethostname(); return line",
    "remembers rows": "self.s = getattr(self, 's', {}); return [self.s.setdefault(v, v) for v in line]",
    "a slow first request": COUNT + "time.sleep(0.2 * (self.calls == 1)); return line",
    "changes its request": "model_input['x1'] = 0.0; return line",
    "drops columns of its request": "model_input.drop(columns='x1', inplace=True); return line",
    "sorts inside": "k = np.argsort(line); out = np.empty(n); out[k] = line[k]; return out",
    "in chunks": "return np.concatenate([line[at : at + 7] for at in range(0, n, 7)])",
    "by the index": "return pd.Series(line, index=model_input.index).sort_index()",
    "99 columns in 32 bits": "return np.tile(line, (99, 1)).T.astype('f4') @ np.full(99, 0.01, 'f4')",
    "loads late": "import json; w = self.w = getattr(self, 'w', json.loads('[3]')); return line * w[0]",
    "a seed by row": "return [v + np.random.default_rng(hash(float(v)) % 99).normal() / 10 for v in line]",
    "a thread that stays": "import threading as t; t.Timer(99, print).start(); return line",
    "categories": "return pd.Categorical(np.where(line > 0, 'yes', 'no'))",
    "texts": "return ['yes' if v > 0 else 'no' for v in line]",
    "whole numbers": "return np.round(line).astype(int)",
    "truth values": "return line > 0",
    "a table": "return pd.DataFrame({'y': line})",
    "a nullable series": "return pd.Series(line, dtype='Float64')",
    "what the machine is": "open('/etc/passwd'), open('/proc/stat'), open('/proc/self/status'); return line",
    "its own time zone": "os.environ['TZ'] = 'UTC'; time.tzset(); return line + 0 * time.localtime().tm_hour",
    "logs now": "print(pd.Timestamp('now'), np.datetime64('now'), pd.to_datetime('today')); return line",
    "1 MB of print": "print('x' * 1_000_000); return line",
    "4 ms more": "time.sleep(0.004); return line",
}  # fmt: skip


@dataclass
class _Limits:
    """The keys of gates.yml below `latency`."""

    p95_ms: float = 20
    max_ratio: float | None = None
    machine_ms: float | None = None


def found_in(body: str, stock: Path, timeout: float = 20) -> str:
    """What the gate says against a model whose predict has this body; empty if nothing."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x1": rng.normal(size=ROWS), "x2": rng.normal(size=ROWS)})
    path, champion = saved(body, stock), saved("return line", stock)
    checks = GateChecks()
    try:
        with (
            ModelProcess(path, timeout=timeout) as mine,
            ModelProcess(path, timeout=timeout, apart=True) as apart,
            ModelProcess(champion) as theirs,
        ):
            values = row_answers(mine.predict(frame), ROWS)
            theirs.predict(frame)
            again, first = ask_again(mine, apart, "d", frame, values)
            timings, alone = ask_rows([mine, theirs], ROWS)
            again[SINGLE] = single_answers("d", values, alone, timings.error)
            clock, by_day = mine.finish()
    except ModelBroken as error:
        return str(error)
    answers = ModelAnswers("d", values=values)
    records = Records(
        "m", "r", "h:1", "d", ROWS, "y", candidate=answers, again=again,
        single_rows=tuple(alone), first_rows=first, clock=clock, by_day=by_day,
    )  # fmt: skip
    check_agreement(checks, records, "")
    if not timings.error:
        check_latency(checks, cast("Gates", cast("Any", _Limits())), timings, ROWS, "")
    return " ".join(check.what for check in checks.having("failed", "broken"))
