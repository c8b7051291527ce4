"""How reports look: light and dark by the reader's own setting, and on paper. Nothing is loaded."""

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --ink: #17202b; --soft: #5b6775;
  --line: #dfe4ea; --before: #a9b4c2; --after: #2563eb; --fill: #2563eb26; --bad: #b42318; --badbg: #fdecea;
  --warn: #92590a; --warnbg: #fdf3dc; --good: #14743c; --goodbg: #e5f5eb; --note: #475467;
  --notebg: #eef1f5; }
@media (prefers-color-scheme: dark) { :root { --page: #0f141a; --card: #182029; --ink: #e7ecf2;
  --soft: #9aa7b5; --line: #2b3642; --before: #566373; --after: #6ea8ff; --fill: #6ea8ff33; --bad: #ff9b8f;
  --badbg: #44201c; --warn: #f3c266; --warnbg: #3d2f12; --good: #7cd79c; --goodbg: #17382a; --note: #b4c0cd;
  --notebg: #232d38; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 36px 24px 56px; }
h1 { font-size: 28px; line-height: 1.2; margin: 4px 0 10px; letter-spacing: -.01em;
  overflow-wrap: anywhere; }
h1 span { color: var(--soft); font-weight: 400; }
h2 { font-size: 18px; margin: 40px 0 12px; }
h3 { font-size: 15px; margin: 0; overflow-wrap: anywhere; }
p { margin: 0; }
a { color: inherit; text-decoration-color: var(--soft); }
.eyebrow { color: var(--soft); text-transform: uppercase; font-size: 12px; letter-spacing: .08em; }
.lead { font-size: 18px; max-width: 62ch; }
.soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin-top: 24px; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 14px 16px; }
.tile b { display: block; font-size: 24px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile small { color: var(--soft); font-size: 13px; }
.whole { display: flex; height: 14px; border-radius: 7px; overflow: hidden; margin-top: 14px; gap: 2px;
  background: var(--line); }
.whole b { min-width: 3px; }
.same { background: var(--before); } .changed { background: #d99a1c; } .added { background: #2a9d5c; }
.removed { background: #d4483b; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 18px; margin-top: 8px; font-size: 13px;
  color: var(--soft); }
.legend.spaced { margin: -4px 0 12px; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; }
.legend .after { background: var(--fill); border: 1.5px solid var(--after); } .legend .before {
  background: var(--before); }
.findings { list-style: none; margin: 0; }
.findings.card { padding: 4px 0; }
.findings li { display: grid; grid-template-columns: 92px 1fr; gap: 12px; padding: 10px 16px;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
.findings li:first-child { border-top: 0; }
.chip { display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 12px; font-weight: 600;
  white-space: nowrap; justify-self: start; align-self: start; margin-top: 2px; }
.chip.l2 { color: var(--bad); background: var(--badbg); } .chip.l1 { color: var(--warn);
  background: var(--warnbg); }
.chip.l0 { color: var(--note); background: var(--notebg); } .chip.ok { color: var(--good);
  background: var(--goodbg); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 14px; }
.card { padding: 14px 16px 12px; min-width: 0; }
.card header { display: flex; justify-content: space-between; gap: 10px; align-items: baseline;
  margin-bottom: 10px; }
.card header small { color: var(--soft); font-weight: 400; margin-left: 6px; }
svg { width: 100%; height: 96px; display: block; border-bottom: 1px solid var(--line); }
rect.before { fill: var(--before); } path.after { fill: var(--fill); stroke: var(--after);
  stroke-width: 1.5;
  vector-effect: non-scaling-stroke; } rect.hover { fill: transparent; } rect.hover:hover {
  fill: var(--fill); }
.axis { display: flex; justify-content: space-between; gap: 8px; color: var(--soft); font-size: 12px;
  margin-top: 3px; }
.bars { display: grid; gap: 5px; }
.bar { display: grid; grid-template-columns: 30% 1fr 118px; gap: 8px; align-items: center;
  font-size: 13px; }
.bar span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.bar em { font-style: normal; text-align: right; color: var(--soft); white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.bar b { display: block; height: 6px; border-radius: 2px; }
.bar b.before { background: var(--before); } .bar b.after { background: var(--after); margin-top: 1px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
.figures { margin-top: 10px; }
.figures th { text-align: left; font-weight: 400; color: var(--soft); padding: 2px 8px 2px 0;
  white-space: nowrap; }
.figures td { text-align: right; padding: 2px 0 2px 12px; overflow-wrap: anywhere; }
.figures thead td { color: var(--soft); } .figures .moved { font-weight: 600; }
.scroll { overflow-x: auto; padding: 0; } .scroll th, .scroll td { text-align: left; padding: 7px 14px;
  border-top: 1px solid var(--line); max-width: 32ch; min-width: 11ch; overflow-wrap: break-word;
  vertical-align: top; }
.scroll thead th { border-top: 0; color: var(--soft); font-weight: 600; white-space: nowrap; }
.scroll del { color: var(--bad); } .scroll ins { color: var(--good); text-decoration: none;
  font-weight: 600; }
details { margin-top: 14px; } summary { cursor: pointer; font-weight: 600; padding: 6px 0; }
footer { margin-top: 44px; padding-top: 16px; border-top: 1px solid var(--line); color: var(--soft);
  font-size: 13px; }
footer p { margin-top: 8px; max-width: 90ch; overflow-wrap: anywhere; }
code { font: 12.5px ui-monospace, SFMono-Regular, Consolas, monospace; }
@media print { body { background: none; } main { max-width: none; padding: 0; } .card, .tile {
  break-inside: avoid; } }
@media (max-width: 520px) { .findings li { grid-template-columns: 1fr; gap: 4px; } main {
  padding: 24px 14px; } }
"""
