/** The looks of the report page, light or dark as the reader's system is. */
export const style = `
:root { color-scheme: light dark; --line: #8884; --accent: #2b6cb0; --warn: #b7791f; }
@media (prefers-color-scheme: dark) { :root { --accent: #63a4e8; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; } h3 { font-size: .95rem; margin: 1rem 0 .3rem; }
dl.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem; margin: 1.2rem 0; }
dl.cards div { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; } dl.cards dt { font-size: .8rem; color: #888; }
dl.cards dd { margin: 0; } dl.cards b { display: block; font-size: 1.35rem; line-height: 1.4; white-space: nowrap; } dl.cards span { font-size: .8rem; color: #888; }
nav { font-size: .85rem; line-height: 1.9; } nav a { color: var(--accent); text-decoration: none; margin-right: .7rem; white-space: nowrap; } nav a:hover { text-decoration: underline; }
p.sub, p.note { color: #888; margin-top: .2rem; }
.scroll { overflow-x: auto; background: linear-gradient(to right, Canvas 30%, transparent) left / 40px 100% no-repeat local,
linear-gradient(to left, Canvas 30%, transparent) right / 40px 100% no-repeat local, linear-gradient(to right, #8886, transparent) left / 12px 100% no-repeat scroll,
linear-gradient(to left, #8886, transparent) right / 12px 100% no-repeat scroll; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; padding-right: 1rem; } details table { width: auto; } tr.marked td { font-weight: 600; }
svg.chart { width: 100%; height: auto; } svg.wide { min-width: 560px; }
svg.graph { display: block; max-width: none; margin: 0 auto; }
svg text { font-size: 12px; text-anchor: middle; fill: currentColor; }
svg text.name { font-size: 10.5px; opacity: .75; } svg text.small { font-size: 10.5px; }
svg text.left { text-anchor: start; } svg text.right { text-anchor: end; } svg text.strong { font-weight: 600; }
.primes { display: flex; gap: 2px; } .primes span { text-align: center; min-width: 0; white-space: nowrap; border-radius: 3px; padding: .35rem 0; font-size: .8rem; overflow: hidden; }
.primes .base { background: color-mix(in srgb, var(--accent) 75%, transparent); } .primes .special { background: #8886; }
.primes .level { background: color-mix(in srgb, var(--accent) 40%, transparent); } rect.level { fill: var(--accent); opacity: .4; }
rect.cost { fill: var(--accent); } rect.frame { fill: none; stroke: #888; } rect.result { stroke: currentColor; stroke-width: 2; }
rect.end { fill: none; stroke: #888; stroke-dasharray: 4 3; }
svg a:hover rect.frame { stroke: currentColor; stroke-width: 2; }
path { fill: none; stroke: var(--accent); stroke-width: 2; }
path.exact { stroke: currentColor; stroke-width: 1.5; stroke-dasharray: 4 3; opacity: .6; }
path.link { stroke: #888; stroke-width: 1.2; } path.arrow { fill: #888; stroke: none; }
path.dots { stroke-width: 3; stroke-linecap: round; opacity: .55; } path.dots.marked { stroke: var(--warn); stroke-width: 7; opacity: 1; }
rect.data { fill: #8883; } rect.cell { fill: var(--accent); } rect.noise { fill: var(--warn); opacity: .55; }
svg.plot text.name { paint-order: stroke; stroke: Canvas; stroke-width: 3px; opacity: 1; } svg.plot { max-width: 640px; min-width: 420px; }
ul { padding-left: 1.2rem; font-size: .9rem; }
.bars { display: grid; grid-template-columns: minmax(4rem, max-content) 1fr max-content; gap: .25rem .7rem; align-items: center; font-size: .85rem; }
.bars span { overflow-wrap: anywhere; } .bars b { font-weight: 400; } .bars i { display: block; height: 1rem; border-radius: 2px; background: var(--accent); opacity: .4; }
dl.words { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; font-size: .9rem; } dl.words dt { font-weight: 600; } dl.words dd { margin: 0; }
figure { margin: 0; } figcaption { font-size: .85rem; color: #888; } figcaption b { color: CanvasText; font-weight: 600; }
figure.curve { display: inline-block; width: 48%; margin: 0 1% 1rem 0; text-align: center; }
@media (max-width: 600px) { .primes { gap: 1px; } .primes span { font-size: .6rem; } dl.words { grid-template-columns: 1fr; } figure.curve { width: 100%; } table { width: max-content; min-width: 100%; } td { max-width: 11rem; } }
.parties { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: .6rem; }
.parties div { border: 1px solid var(--line); border-radius: 8px; padding: 0 .8rem; min-width: 0; } .parties p { font-size: .9rem; }
.gallery { display: flex; flex-wrap: wrap; gap: 1.2rem; }
figure.slots { max-width: 100%; width: min-content; min-width: 160px; }
figure.slots div { display: flex; gap: 4px; overflow-x: auto; align-items: flex-start; }
figure.slots img { image-rendering: pixelated; border: 1px solid var(--line); flex: none; }
details { border-bottom: 1px solid var(--line); padding: .25rem 0; } summary { cursor: pointer; } summary span { color: #888; }
p.legend { font-size: .85rem; color: #888; } p.legend span { margin-right: 1rem; white-space: nowrap; }
p.legend i { display: inline-block; width: .9em; height: .9em; margin-right: .35em; border: 1px solid var(--line); vertical-align: -.1em; }
.warning { border-left: 3px solid var(--warn); padding: .3rem .8rem; margin: .5rem 0; }
`;
