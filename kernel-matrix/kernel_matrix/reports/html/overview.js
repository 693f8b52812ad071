// The first part: how it came out, what is not as promised, what the kernels are.

import { judged } from "./data.js";
import { el, many } from "./dom.js";
import { compared, findings } from "./findings.js";
import { mark } from "./outcome.js";
import { STRENGTHS, VERDICTS, WORST_FIRST } from "./words.js";

export function overview(report) {
    return el(
        "div",
        { class: "page" },
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

const COUNTS = [
    ["pass", ["pass"]],
    ["fail", ["fail", "stale"]],
    ["known", ["deviation"]],
    ["crash", ["crash"]],
    ["hang", ["hang"]],
    ["skip", ["skip"]],
    ["error", ["error"]],
    ["miss", ["miss"]],
];

function kernelTable(report) {
    const columns = COUNTS.filter(
        ([name, verdicts]) =>
            ["pass", "fail", "skip"].includes(name) ||
            report.kernels.some((k) => verdicts.some((v) => k.counts[v])),
    );
    return [
        el(
            "h2",
            { id: "kernels" },
            report.kernels.length === 1 ? "The kernel" : `Kernels (${report.kernels.length})`,
        ),
        el(
            "div",
            { class: "wide", role: "region", "aria-labelledby": "kernels", tabindex: "0" },
            el(
                "table",
                { class: "kernels" },
                el(
                    "caption",
                    { class: "spoken" },
                    "What each kernel is, and how many cases came to what",
                ),
                el(
                    "thead",
                    {},
                    el(
                        "tr",
                        {},
                        el("th", { scope: "col" }, "Kernel"),
                        columns.map(([name]) => el("th", { scope: "col", class: "number" }, name)),
                        el("th", { scope: "col", class: "number" }, "boot s"),
                        el("th", { scope: "col", class: "number" }, "run s"),
                        el("th", { scope: "col" }, "Release, image, machine"),
                    ),
                ),
                el(
                    "tbody",
                    {},
                    report.kernels.map((kernel) => kernelRow(kernel, columns)),
                ),
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
        "tr",
        {},
        el(
            "th",
            { scope: "row" },
            kernel.label,
            kernel.problem && el("span", { class: "problem" }, kernel.problem),
        ),
        counts,
        el("td", { class: "number" }, kernel.boot === null ? "–" : kernel.boot.toFixed(1)),
        el("td", { class: "number" }, kernel.seconds.toFixed(1)),
        el(
            "td",
            { class: "what" },
            el(
                "span",
                {},
                [release || version, arch].filter(Boolean).join(" · "),
                " ",
                sha256 &&
                    el(
                        "abbr",
                        { title: `sha256 ${sha256}`, class: "sum" },
                        `sha256 ${sha256.slice(0, 12)}…`,
                    ),
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
            "div",
            { class: "wide", role: "region", "aria-labelledby": "calls", tabindex: "0" },
            el(
                "table",
                { class: "calls" },
                el(
                    "caption",
                    { class: "spoken" },
                    "Of the clauses of each call, how many each kernel keeps",
                ),
                el(
                    "thead",
                    {},
                    el(
                        "tr",
                        {},
                        el("th", { scope: "col" }, "Kernel"),
                        [...by].map(([call, clauses]) =>
                            el(
                                "th",
                                { scope: "col" },
                                call,
                                el("small", {}, many(clauses.length, "clause")),
                            ),
                        ),
                    ),
                ),
                el(
                    "tbody",
                    {},
                    report.kernels.map((kernel) =>
                        el(
                            "tr",
                            {},
                            el("th", { scope: "row" }, kernel.label),
                            [...by.values()].map((clauses) =>
                                el("td", {}, bar(report, clauses, kernel)),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ];
}

const SHARES = [
    ["pass", ["pass"], "kept"],
    ["deviation", ["deviation"], "known"],
    ["fail", ["crash", "hang", "fail", "stale"], "broken"],
    ["error", ["error", "miss"], "not judged"],
    ["skip", ["skip"], "skipped"],
];

function bar(report, clauses, kernel) {
    const counts = {};
    for (const clause of clauses) {
        const { verdict } = judged(report, clause, kernel);
        if (verdict) counts[verdict] = (counts[verdict] || 0) + 1;
    }
    const shares = SHARES.map(([kind, verdicts, word]) => ({
        kind,
        word,
        count: verdicts.reduce((n, v) => n + (counts[v] || 0), 0),
    })).filter((s) => s.count);
    if (!shares.length) return el("span", { class: "none" }, "not run");
    const strip = el(
        "span",
        { class: "strip", "aria-hidden": "true" },
        shares.map(({ kind, count }) => {
            const part = el("i", { class: `b-${kind}` });
            part.style.flexGrow = String(count);
            return part;
        }),
    );
    return [
        strip,
        el(
            "span",
            { class: "shares" },
            shares.map(({ word, count }) => `${count} ${word}`).join(", "),
        ),
    ];
}

function legend(report) {
    const used = WORST_FIRST.filter((verdict) =>
        report.kernels.some((kernel) => kernel.counts[verdict]),
    );
    return el(
        "details",
        { class: "legend" },
        el("summary", {}, "What the words mean"),
        el(
            "dl",
            {},
            used.map((verdict) => [
                el("dt", {}, mark(verdict), " ", VERDICTS[verdict].say),
                el("dd", {}, VERDICTS[verdict].means),
            ]),
        ),
        el(
            "dl",
            {},
            Object.entries(STRENGTHS).map(([word, means]) => [
                el("dt", {}, word),
                el("dd", {}, means),
            ]),
        ),
    );
}
