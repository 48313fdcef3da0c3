"""The styles of the page of evaluations. Knows no results."""

STYLE = """<style>
.zw-figures { display: grid; gap: .6rem; margin: .3rem 0 .6rem;
  grid-template-columns: repeat(auto-fit, minmax(7.3rem, 1fr)); }
.zw-figure { display: flex; flex-direction: column; padding: .7rem .75rem; border-radius: .6rem;
  border: 1px solid color-mix(in srgb, currentColor 18%, transparent); }
.zw-figure > span { font-size: .9rem; opacity: .8; min-height: 3.2em; }
.zw-figure > b { font-size: 1.9rem; line-height: 1.25; font-weight: 650;
  font-variant-numeric: tabular-nums; }
.zw-figure > i { display: block; height: .35rem; border-radius: .2rem; overflow: hidden;
  margin: .35rem 0 .5rem; background: color-mix(in srgb, currentColor 12%, transparent); }
.zw-figure > i > i { display: block; height: 100%; background: #2b8a80; }
.zw-figure.zw-lower > i > i { background: #d98c3f; }
.zw-figure > small { font-size: .85rem; line-height: 1.45; opacity: .85; }
.zw-asked { font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere; }
.zw-chunk.zw-right { border-left-color: #2e8b57; }
.zw-right small b { color: color-mix(in srgb, #2e8b57 60%, currentColor); }
.zw-chunk small a, .zw-facts a { color: inherit; text-decoration: underline; }
.zw-cut { max-height: 7.5rem; overflow: auto; }
.zw-differences td:nth-child(4) { white-space: nowrap; }
.zw-differences span { padding: .1em .5em; border-radius: .5em; white-space: nowrap;
  background: color-mix(in srgb, currentColor 10%, transparent); }
.zw-differences .zw-better { background: #2e8b57; color: #fff; }
.zw-differences .zw-worse { background: #c23b31; color: #fff; }
.st-key-evaluation_outcomes, .st-key-evaluation_rows_accepted, .st-key-evaluation_rows_draft {
  gap: 0; }
.st-key-evaluation_outcomes [data-testid="stHorizontalBlock"],
.st-key-evaluation_rows_accepted > [data-testid="stLayoutWrapper"],
.st-key-evaluation_rows_draft > [data-testid="stLayoutWrapper"] { padding: .15rem 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 12%, transparent); }
.st-key-evaluation_outcomes button { text-align: left; overflow-wrap: anywhere; }
</style>"""
