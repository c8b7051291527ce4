"""How the page looks: the look of the dataset reports, and what a verdict needs on top."""

from mlroad.report.base_style import STYLE as _SHARED

STYLE = (
    _SHARED
    + """
:root { --zone: #b4231817; --ring: #ffffff; --old: #7d8a9b; }
@media (prefers-color-scheme: dark) { :root { --zone: #ff9b8f1c; --ring: #182029; --old: #93a1b3; } }
main { max-width: 1080px; }
h2 { margin: 44px 0 4px; } h2 + .soft { margin-bottom: 12px; max-width: 80ch; }
.chip { margin-top: 0; }
.verdict { display: grid; grid-template-columns: auto 1fr; gap: 6px 18px; align-items: center;
  margin-top: 18px;
  padding: 18px 20px; border-left: 6px solid var(--edge); }
.verdict .chip { font-size: 20px; padding: 5px 18px; align-self: center; margin: 0; }
.verdict .lead { font-weight: 600; line-height: 1.35; max-width: none; overflow-wrap: anywhere; }
.verdict .soft { grid-column: 2; }
.better { --edge: var(--good); } .equal { --edge: var(--note); } .worse, .broken { --edge: var(--bad); }
.legend { margin: 4px 0 12px; } figure { display: flex; flex-direction: column; }
figure .axisname { margin-top: auto;
  padding-top: 10px; } figure .plot { margin-top: 6px; }
.cell { font-size: 13px; margin-top: 2px; } .cell b { font-size: 20px; color: var(--ink); }
.told { font-size: 13px; margin-top: 8px; }
.tile b { font-size: 22px; overflow-wrap: anywhere; } .tile b small { font-size: 13px; font-weight: 400; }
.tile.bad b { color: var(--bad); }
.findings li { grid-template-columns: 84px 1fr; } .findings p { margin-top: 2px; }
.findings code { font-size: 12px; }
.rows th, .rows td { text-align: left; padding: 9px 12px; border-top: 1px solid var(--line);
  vertical-align: middle;
  overflow-wrap: break-word; }
.rows thead th { border-top: 0; color: var(--soft); font-weight: 600; vertical-align: bottom; }
.rows tbody th { font-weight: 600; }
.rows small { display: block; color: var(--soft); white-space: nowrap; font-weight: 400; }
.rows.card { padding: 2px 0; overflow-x: auto; } h2 + ul { margin-top: 12px; }
.rows tbody th, .rows td:last-child { overflow-wrap: anywhere; } .rows tbody th { min-width: 92px; }
.findings li > div, .rows td > div { min-width: 0; overflow-wrap: anywhere; }
.rows td.wide { min-width: 200px; width: 34%; }
.rows .digest { font-size: 11.5px; color: var(--soft); overflow-wrap: anywhere; }
.rows svg.strip { height: 34px; border: 0; overflow: visible; }
.strip .zone { fill: var(--zone); } .strip .zero { stroke: var(--soft); stroke-width: 1; }
.strip .edge { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 3 3; }
.strip .span { stroke: var(--after); stroke-width: 3; stroke-linecap: round; }
.strip .point { fill: var(--after); stroke: var(--ring); stroke-width: 1.5; }
.strip.bad .span { stroke: var(--bad); } .strip.bad .point { fill: var(--bad); }
.rows td .ends { display: none; } .ends { display: flex; justify-content: space-between; font-weight: 400; }
.key { display: inline-block; width: 16px; height: 10px; margin-right: 6px; }
.key.span { height: 4px; border-radius: 2px; background: var(--after); vertical-align: 3px; }
.key.zone { background: var(--zone); border-right: 1.5px dashed var(--bad); vertical-align: -1px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr));
  gap: 14px; }
figure { margin: 0; } figure h3 { margin-bottom: 2px; } figure p { font-size: 13px; color: var(--soft); }
.plot { display: grid; grid-template-columns: 46px 1fr; margin-top: 12px; }
.plot svg { height: 250px; border: 0; overflow: visible; }
.ticks { position: relative; font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums; }
.ticks span { position: absolute; white-space: nowrap; }
.ticks.y span { right: 8px; transform: translateY(50%); } .ticks.x { grid-column: 2; height: 22px; }
.ticks.x span { top: 4px; transform: translateX(-50%); }
.plot svg .grid { stroke: var(--line); stroke-width: 1; }
.plot svg .guide { stroke: var(--soft); stroke-dasharray: 4 4; }
.plot svg path, .plot svg .guide { vector-effect: non-scaling-stroke; }
.plot .dots { fill: none; stroke-linecap: round; stroke-width: 5; }
.plot .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.plot .candidate { stroke: var(--after); } .plot .champion { stroke: var(--old); }
.plot .area { stroke-width: 1.5; } .plot .area.candidate { fill: var(--fill); }
.plot .area.champion { fill: none; }
.plot .dots.candidate { stroke-opacity: .72; }
.plot .dots.champion { stroke-opacity: .7; stroke-width: 3.5; }
.legend .candidate { background: var(--after); } .legend .champion { background: var(--old); }
.meter { height: 8px; border-radius: 4px; background: var(--line); overflow: hidden; margin-top: 6px; }
.meter b { display: block; height: 100%; background: var(--after); }
.meter.bad b { background: var(--bad); }
.pairs { display: grid; grid-template-columns: minmax(110px, max-content) 1fr; gap: 6px 18px; margin: 0;
  font-size: 14px; }
.pairs dt { color: var(--soft); } .pairs dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
@media screen and (max-width: 860px) {
  .rows, .rows tbody, .rows tr, .rows th, .rows td { display: block; width: auto; }
  .rows thead { display: none; }
  .rows tr { padding: 10px 14px; border-top: 1px solid var(--line); }
  .rows tr:first-child { border-top: 0; }
  .rows tbody th, .rows td, .rows td.wide { border: 0; padding: 2px 0; width: auto; min-width: 0; }
  .rows td[data-name] { display: grid; grid-template-columns: 104px 1fr; gap: 10px; align-items: baseline; }
  .rows td[data-name]::before { content: attr(data-name); color: var(--soft); }
  .rows td:empty, .rows td.none { display: none; } .rows small { white-space: normal; }
  .rows tbody th { font-size: 15px; } .rows td[data-name].wide { display: block; padding: 6px 0; }
  .rows td[data-name].wide::before { content: none; }
  .rows td .ends { display: flex; color: var(--soft); font-size: 12px; }
}
@media (max-width: 520px) { .verdict { grid-template-columns: 1fr; } .verdict .soft { grid-column: 1; }
  .verdict .chip { justify-self: start; } .findings li { grid-template-columns: 1fr; } .tiles {
  grid-template-columns: 1fr 1fr; } h1 { font-size: 23px; } .pairs { grid-template-columns: 1fr; gap: 0; }
  .pairs dd { margin-bottom: 8px; } }
@media print { :root { color-scheme: light; }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2 { break-after: avoid; } tr, figure, .findings li { break-inside: avoid; }
  details:not([open]) { display: none; }
  main { font-size: 12px; } .rows th, .rows td { padding: 5px 7px; }
  .rows td.wide { min-width: 120px; width: 26%; }
  table { font-size: 11px; } h2 { margin-top: 26px; }
  .tiles { grid-template-columns: repeat(6, 1fr); gap: 6px; }
  .tile { padding: 8px 10px; } .tile b { font-size: 16px; } .tile small { font-size: 10px; }
  .charts, .cards { grid-template-columns: 1fr 1fr 1fr; gap: 8px; } .plot svg { height: 150px; }
  .plot { grid-template-columns: 36px 1fr; } .ticks { font-size: 9px; }
  h2 + .soft, .legend { break-after: avoid; } }
"""
)
