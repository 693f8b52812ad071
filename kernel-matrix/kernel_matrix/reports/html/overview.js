// The first part: how it came out, what is not as promised, what the kernels are.

import { inWords, judged } from "./data.js";
import { address, el, many, paged } from "./dom.js";
import { badge, block, groups, mark } from "./outcome.js";
import { caseName, earlier } from "./detail.js";
import { STRENGTHS, UNEXPECTED, VERDICTS, WORST_FIRST } from "./words.js";

const PAGE = 50;
const ROWS = 12; // of a table's rows that are named in one line

export function overview(report) {
  return el(
    "div", { class: "page" },
    el("h1", {}, report.headline),
    el("p", { class: "subject" }, subject(report)),
    report.comparison && compared(report),
    findings(report),
    calls(report),
    kernelTable(report),
    legend(report),
  );
}

function subject(report) {
  const { comparison, started, suite } = report;
  const what = comparison ? `${comparison.before} → ${comparison.after}` : report.source;
  const parts = [what, many(report.cases.length, "case"), many(report.clauses.length, "clause")];
  if (suite) parts.push(`suites ${suite}`);
  if (started) parts.push(started.slice(0, 16).replace("T", " ") + " UTC");
  return parts.join(" · ");
}

function compared(report) {
  const { comparison } = report;
  const regressions = comparison.changes.filter((change) => change.regression);
  return [
    el("h2", { id: "regressions" }, `Regressions (${regressions.length})`),
    el("ul", { class: "pairs" }, comparison.pairs.map(({ before, after, counts }) => el(
      "li", {}, el("b", {}, `${before.plain} → ${after.plain}`), " ",
      el("a", { href: "#changes" }, Object.entries(counts).map(([word, number]) => `${number} ${word}`).join(", ")),
    ))),
    folds(report, together(regressions, (change) => [change.transition, change.detail, change.pair.after.number])
      .sort((a, b) => severity(report, a) - severity(report, b))
      .map(({ transition, detail: text, pair, cases }) => ({
        cases, kernels: [pair.before, pair.after], text, lead: el("b", { class: "transition" }, transition),
        where: comparison.pairs.length > 1 && pair.after.label,
      }))),
    comparison.only_before.length > 0 && el("p", { class: "note" }, `Only in ${comparison.before}: ${comparison.only_before.join(", ")}`),
    comparison.only_after.length > 0 && el("p", { class: "note" }, `Only in ${comparison.after}: ${comparison.only_after.join(", ")}`),
  ];
}

/** Cases of one function about which the same is to be said, as one item. */
function together(items, said) {
  const by = new Map();
  for (const item of items) {
    const key = JSON.stringify([item.case.file, item.case.names, ...said(item)]);
    if (!by.has(key)) by.set(key, { ...item, cases: [] });
    by.get(key).cases.push(item.case);
  }
  return [...by.values()];
}

const severity = (report, { case: found, pair }) => {
  const outcome = report.result(found, pair.after);
  return outcome ? WORST_FIRST.indexOf(outcome.verdict) : WORST_FIRST.length;
};

/** Every unexpected result, worst first; those of one function that say the same are one. */
function findings(report) {
  const kernels = report.kernels.filter((kernel) => !kernel.before);
  const told = new Set();
  for (const { case: found, pair, regression } of report.comparison?.changes || []) {
    if (regression) told.add(`${found.number} ${pair.after.number}`);
  }
  const items = [];
  let missed = 0;
  for (const found of report.cases) {
    const left = kernels.filter((kernel) => !told.has(`${found.number} ${kernel.number}`));
    for (const { outcome, kernels: some } of groups(report, found, left)) {
      if (outcome.verdict === "miss") missed += some.length;
      else if (UNEXPECTED.includes(outcome.verdict)) {
        items.push({ case: found, verdict: outcome.verdict, text: brief(outcome), kernels: some });
      }
    }
  }
  if (!items.length && !missed) return null;
  const all = together(items, (item) => [item.verdict, item.text, item.kernels.map((kernel) => kernel.number)]);
  all.sort((a, b) => WORST_FIRST.indexOf(a.verdict) - WORST_FIRST.indexOf(b.verdict));
  const total = many(new Set(items.map((item) => item.case)).size, "case");
  return [
    el("h2", { id: "findings" }, told.size ? `Not as promised, and no regression (${total})` : `Not as promised (${total})`),
    missed > 0 && el("p", { class: "note" }, `${many(missed, "case")} never started: nothing is known of the kernel there.`),
    folds(report, all.map((each) => ({
      ...each, lead: badge(each.verdict), where: kernels.length > 1 && inWords(report, each.kernels),
    }))),
  ];
}

function brief(outcome) {
  if (outcome.observed && outcome.expected) return `${outcome.observed} instead of ${outcome.expected}`;
  const text = outcome.title || outcome.message.split("\n")[0] || outcome.observed;
  return outcome.again ? `${text} (${outcome.again})` : text;
}

/** Cases as folds with their results in them. */
function folds(report, items) {
  const list = el("div", { class: "findings" });
  const more = paged(items, ({ cases, kernels: some, lead, text, where }) => {
    const [first] = cases;
    const fold = el(
      "details", { class: "case" },
      el(
        "summary", {}, el("span", { class: "lead" }, lead),
        el(
          "span", { class: "name" }, caseName({ ...first, row: "" }),
          cases.slice(0, ROWS).map((found) => [el("b", {}, found.row), el("wbr")]),
          cases.length > ROWS && el("small", {}, ` and ${cases.length - ROWS} more`),
          el("span", { class: "say" }, el("span", { class: "value" }, text), where && el("small", {}, ` ${where}`)),
        ),
      ),
    );
    fold.addEventListener("toggle", () => {
      if (fold.children.length > 1) return;
      const [clause] = first.clauses;
      fold.append(
        el("p", { class: "file" }, el("a", { href: address(clause.id) }, clause.id), ` ${clause.statement}`),
        ...cases.slice(0, PAGE).flatMap((found) => [
          cases.length > 1 && el("p", { class: "file" }, el("a", { href: address(found.id) }, found.row)),
          ...groups(report, found, some).map((group) => block(report, found, group, 3)),
          earlier(report, found),
        ]).filter(Boolean),
      );
    });
    return fold;
  }, list, PAGE);
  return [list, more];
}

const COUNTS = [
  ["pass", ["pass"]], ["fail", ["fail", "stale"]], ["known", ["deviation"]], ["crash", ["crash"]],
  ["hang", ["hang"]], ["skip", ["skip"]], ["error", ["error"]], ["miss", ["miss"]],
];

function kernelTable(report) {
  const columns = COUNTS.filter(([name, verdicts]) =>
    ["pass", "fail", "skip"].includes(name) || report.kernels.some((k) => verdicts.some((v) => k.counts[v])));
  return [
    el("h2", { id: "kernels" }, report.kernels.length === 1 ? "The kernel" : `Kernels (${report.kernels.length})`),
    el(
      "div", { class: "wide", role: "region", "aria-labelledby": "kernels", tabindex: "0" },
      el(
        "table", { class: "kernels" },
        el("caption", { class: "spoken" }, "What each kernel is, and how many cases came to what"),
        el("thead", {}, el(
          "tr", {}, el("th", { scope: "col" }, "Kernel"),
          columns.map(([name]) => el("th", { scope: "col", class: "number" }, name)),
          el("th", { scope: "col", class: "number" }, "boot s"), el("th", { scope: "col", class: "number" }, "run s"),
          el("th", { scope: "col" }, "Release, image, machine"),
        )),
        el("tbody", {}, report.kernels.map((kernel) => kernelRow(kernel, columns))),
      ),
    ),
  ];
}

function kernelRow(kernel, columns) {
  const { release, version, arch, sha256, machine, origin } = kernel.facts;
  const counts = columns.map(([name, verdicts]) => {
    const count = verdicts.reduce((sum, verdict) => sum + (kernel.counts[verdict] || 0), 0);
    return el("td", { class: `number ${count ? `n-${name}` : "none"}` }, String(count));
  });
  return el(
    "tr", {}, el("th", { scope: "row" }, kernel.label, kernel.problem && el("span", { class: "problem" }, kernel.problem)),
    counts,
    el("td", { class: "number" }, kernel.boot === null ? "–" : kernel.boot.toFixed(1)),
    el("td", { class: "number" }, kernel.seconds.toFixed(1)),
    el(
      "td", { class: "what" },
      el(
        "span", {}, [release || version, arch].filter(Boolean).join(" · "), " ",
        sha256 && el("abbr", { title: `sha256 ${sha256}`, class: "sum" }, `sha256 ${sha256.slice(0, 12)}…`),
      ),
      el("span", {}, [machine, kernel.cmdline].filter(Boolean).join(" · ")),
      el("span", {}, origin),
    ),
  );
}

/** Calls by kernels: how many of the clauses of each call are kept. */
function calls(report) {
  if (report.kernels.length === 1) return null;
  const by = new Map();
  for (const clause of report.clauses) {
    if (!by.has(clause.call)) by.set(clause.call, []);
    by.get(clause.call).push(clause);
  }
  return [
    el("h2", { id: "calls" }, "Clauses kept, by call"),
    el(
      "div", { class: "wide", role: "region", "aria-labelledby": "calls", tabindex: "0" },
      el(
        "table", { class: "calls" },
        el("caption", { class: "spoken" }, "Of the clauses of each call, how many each kernel keeps"),
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Kernel"), [...by].map(([call, clauses]) =>
          el("th", { scope: "col" }, call, el("small", {}, many(clauses.length, "clause")))))),
        el("tbody", {}, report.kernels.map((kernel) => el(
          "tr", {}, el("th", { scope: "row" }, kernel.label),
          [...by.values()].map((clauses) => el("td", {}, bar(report, clauses, kernel))),
        ))),
      ),
    ),
  ];
}

const SHARES = [
  ["pass", ["pass"], "kept"], ["deviation", ["deviation"], "known"], ["fail", ["crash", "hang", "fail", "stale"], "broken"],
  ["error", ["error", "miss"], "not judged"], ["skip", ["skip"], "skipped"],
];

function bar(report, clauses, kernel) {
  const counts = {};
  for (const clause of clauses) {
    const { verdict } = judged(report, clause, kernel);
    if (verdict) counts[verdict] = (counts[verdict] || 0) + 1;
  }
  const shares = SHARES.map(([kind, verdicts, word]) => ({ kind, word, count: verdicts.reduce((n, v) => n + (counts[v] || 0), 0) })).filter((s) => s.count);
  if (!shares.length) return el("span", { class: "none" }, "not run");
  const strip = el("span", { class: "strip", "aria-hidden": "true" }, shares.map(({ kind, count }) => {
    const part = el("i", { class: `b-${kind}` });
    part.style.flexGrow = String(count);
    return part;
  }));
  return [strip, el("span", { class: "shares" }, shares.map(({ word, count }) => `${count} ${word}`).join(", "))];
}

function legend(report) {
  const used = WORST_FIRST.filter((verdict) => report.kernels.some((kernel) => kernel.counts[verdict]));
  return el(
    "details", { class: "legend" }, el("summary", {}, "What the words mean"),
    el("dl", {}, used.map((verdict) => [el("dt", {}, mark(verdict), " ", VERDICTS[verdict].say), el("dd", {}, VERDICTS[verdict].means)])),
    el("dl", {}, Object.entries(STRENGTHS).map(([word, means]) => [el("dt", {}, word), el("dd", {}, means)])),
  );
}

