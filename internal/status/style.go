package status

// style is the page's only style sheet. Nothing is told by colour alone.
const style = `
:root{--back:#fff;--fore:#1b1f24;--soft:#57606a;--line:#d0d7de;--panel:#f6f8fa;--link:#0550ae;
--good:#116329;--good-back:#dafbe1;--warning:#7d4e00;--warning-back:#fff8c5;--bad:#a40e26;
--bad-back:#ffebe9;--c0:#0969da;--c1:#bf3989;--c2:#9a6700;--c3:#1a7f37;--c4:#8250df;--c5:#57606a}
@media (prefers-color-scheme:dark){:root{
--back:#0d1117;--fore:#e6edf3;--soft:#9da7b1;--line:#30363d;
--panel:#161b22;--link:#79c0ff;--good:#7ee787;--good-back:#12261e;--warning:#f2cc60;
--warning-back:#272115;--bad:#ffa198;--bad-back:#2d1518;--c0:#58a6ff;--c1:#f778ba;--c2:#d29922;
--c3:#3fb950;--c4:#bc8cff;--c5:#8b949e}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:80rem;padding:0 1rem 3rem;background:var(--back);color:var(--fore);
font:16px/1.5 system-ui,sans-serif}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,input:focus-visible,button:focus-visible{
outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;background:var(--back);padding:.5rem}
.banner{margin:1rem 0;padding:1rem 1.25rem;border:1px solid var(--line);border-left-width:.5rem;
border-radius:.4rem}
.banner.good{border-left-color:var(--good);background:var(--good-back)}
.banner.warning{border-left-color:var(--warning);background:var(--warning-back)}
.banner.bad{border-left-color:var(--bad);background:var(--bad-back)}
.name,.asof{margin:0;color:var(--soft);font-size:.9rem}
h1{margin:.25rem 0;font-size:1.5rem;line-height:1.3}
.since{margin:0}
h2{margin:2.5rem 0 .5rem;font-size:1.25rem;border-bottom:1px solid var(--line)}
h3{margin:1.25rem 0 .25rem;font-size:1rem}
.problems{margin:.75rem 0;padding:0;list-style:none}
.problems li{margin:.3rem 0}
.mark{font-size:.8em;padding:.1em .5em;border:1px solid;border-radius:1em;white-space:nowrap}
.mark.good{color:var(--good)}.mark.warning{color:var(--warning)}.mark.bad{color:var(--bad)}
nav ul,.legend{display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:0;padding:0;list-style:none}
nav a{display:inline-block;padding:.25rem 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;
margin:1rem 0}
.figures div{padding:.6rem .8rem;border:1px solid var(--line);border-radius:.4rem;
background:var(--panel)}
.figures dt{color:var(--soft);font-size:.85rem;line-height:1.25}
.figures dd{margin:.2rem 0 0;font-size:1.4rem}
dd.bad,span.bad{color:var(--bad);font-weight:bold}dd.warning{color:var(--warning);font-weight:bold}
form{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:end;margin:1rem 0}
form[hidden]{display:none}
label{display:grid;font-size:.85rem;color:var(--soft)}
input,button{font:inherit;padding:.4rem .6rem;border:1px solid var(--soft);border-radius:.3rem;
background:var(--back);color:var(--fore)}
#found{flex-basis:100%;margin:0;color:var(--soft)}
table{width:100%;border-collapse:collapse;margin:.75rem 0}
caption{text-align:left;color:var(--soft);font-size:.9rem;padding-bottom:.25rem}
th,td{padding:.4rem .6rem .4rem 0;border-bottom:1px solid var(--line);text-align:left;
vertical-align:top;overflow-wrap:anywhere;min-width:5rem}
td:first-child{min-width:9rem}
th{font-size:.85rem;color:var(--soft)}
tr.bad>td:first-child{box-shadow:inset .3rem 0 var(--bad);padding-left:.7rem}
tr.warning>td:first-child{box-shadow:inset .3rem 0 var(--warning);padding-left:.7rem}
[data-hidden]{display:none!important}
code,.code{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}
.item{display:block}
.small{color:var(--soft);font-size:.85rem;margin:.1rem 0}
.none{color:var(--soft)}
div.bad,div.warning,p.warning{padding:.5rem .8rem;border-left:.3rem solid;margin:.5rem 0}
div.bad{border-color:var(--bad);background:var(--bad-back)}
div.warning,p.warning{border-color:var(--warning);background:var(--warning-back)}
div.bad p,div.warning p{margin:0}
.texts{margin:.3rem 0;padding-left:1.2rem;overflow-wrap:anywhere}
.facts{margin:.5rem 0}
.facts div{display:grid;grid-template-columns:9rem 1fr;gap:.5rem}
.facts dt{color:var(--soft)}
.facts dd{margin:0;overflow-wrap:anywhere}
.latest{padding:0;list-style:none}
.latest li{padding:.5rem 0;border-bottom:1px solid var(--line)}
.latest p{margin:0;overflow-wrap:anywhere}
summary{cursor:pointer;color:var(--link)}
figure{margin:1rem 0}
svg{width:100%;max-width:34rem;height:auto}
svg text{fill:var(--soft);font-size:14px}
svg line{stroke:var(--line)}
.legend span{display:inline-block;width:.8em;height:.8em;margin-right:.35em}
rect.c0{fill:var(--c0)}rect.c1{fill:var(--c1)}rect.c2{fill:var(--c2)}
rect.c3{fill:var(--c3)}rect.c4{fill:var(--c4)}rect.c5{fill:var(--c5)}
span.c0{background:var(--c0)}span.c1{background:var(--c1)}span.c2{background:var(--c2)}
span.c3{background:var(--c3)}span.c4{background:var(--c4)}span.c5{background:var(--c5)}
footer{margin-top:3rem;color:var(--soft)}
@media (max-width:46rem){
thead{position:absolute;left:-99rem}
table,tbody,tr,td,caption{display:block}
tr{padding:.5rem 0;border-bottom:1px solid var(--line)}
tr>td,tr.bad>td:first-child,tr.warning>td:first-child{display:flow-root;border:0;
padding:.1rem 0 .1rem 8rem;box-shadow:none}
tr.bad,tr.warning{border-left:.3rem solid var(--bad);padding-left:.6rem}
tr.warning{border-left-color:var(--warning)}
td::before{content:attr(data-label);float:left;width:7.5rem;margin-left:-8rem;color:var(--soft);
font-size:.85rem}
.facts div{grid-template-columns:7.5rem 1fr}
h1{font-size:1.25rem}
}
@media print{nav,form,.skip{display:none}}
`

// script filters by tenant and by host, ?tenant= and ?host= to begin with. Without it the page
// shows everything.
const script = `
"use strict";
(function () {
  var form = document.getElementById("filter");
  var tenant = document.getElementById("tenant");
  var host = document.getElementById("host");
  var rows = document.querySelectorAll("[data-tenant]");
  function apply() {
    var t = tenant.value.trim().toLowerCase(), h = host.value.trim().toLowerCase(), shown = 0;
    rows.forEach(function (row) {
      var isIt = (!t || row.dataset.tenant.toLowerCase() === t || !names[t] &&
        row.dataset.tenant.toLowerCase().indexOf(t) >= 0) &&
        (!h || covers(row.dataset.host.toLowerCase(), h));
      row.toggleAttribute("data-hidden", !isIt);
      shown += isIt ? 1 : 0;
    });
    document.getElementById("found").textContent =
      t || h ? shown + " of " + rows.length + " rows shown" : "";
  }
  var names = {};
  document.querySelectorAll("#names option").forEach(function (option) {
    names[option.value.toLowerCase()] = true;
  });
  // A pattern is found by the hosts that it stands for as well.
  function covers(text, h) {
    return text.split(" ").some(function (one) {
      if (one.indexOf(h) >= 0) { return true; }
      var suffix = one.replace(/^\*\*?/, "");
      if (suffix === one || !h.endsWith(suffix)) { return false; }
      var rest = h.slice(0, -suffix.length);
      return rest && (one.indexOf("**") === 0 || rest.indexOf(".") < 0);
    });
  }
  form.addEventListener("input", apply);
  form.addEventListener("reset", function () { setTimeout(apply); });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  var query = new URLSearchParams(location.search);
  tenant.value = query.get("tenant") || "";
  host.value = query.get("host") || "";
  form.hidden = false;
  apply();
})();
`
